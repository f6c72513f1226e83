package io.tandem.loadtest.templates;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OutcomeTest {
    private static final Outcome REFUSED = new Outcome(null, "no tools");

    @Test
    void textsAgreeOnlyIfEqual() {
        assertThat(text("a\n").agrees(text("a\n"))).isTrue();
        assertThat(text("a\n").agrees(text("a"))).isFalse();
        assertThat(text("").agrees(REFUSED)).isFalse();
        assertThat(REFUSED.agrees(text(""))).isFalse();
    }

    @Test
    void refusalsAgreeWhateverTheirWords() {
        assertThat(REFUSED.agrees(new Outcome(null, "tools are not supported"))).isTrue();
    }

    @Test
    void aDifferenceIsShownWithWhatIsAroundIt() {
        Outcome shown = text("x".repeat(100) + "\nyes" + "z".repeat(100));
        assertThat(shown.around(text("x".repeat(100) + "\nno")))
                .isEqualTo("at 101: …" + "x".repeat(29) + "\\nyes" + "z".repeat(27) + "…");
        assertThat(REFUSED.around(text("a"))).isEqualTo("refuses: no tools");
    }

    private static Outcome text(String text) {
        return new Outcome(text, null);
    }
}
