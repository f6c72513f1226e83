package io.tandem.scheduler.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class PreferenceLossTest {
    private static final double STEP = 1e-5;

    private static double loss(double beta, double chosen, double rejected, double reference) {
        double gain = -chosen + rejected + reference;
        return -Math.log(1 / (1 + Math.exp(-beta * gain)));
    }

    @Property
    void slopesAreTheDerivatives(
            @ForAll @DoubleRange(min = 0.01, max = 2) double beta,
            @ForAll @DoubleRange(min = 0, max = 10) double chosen,
            @ForAll @DoubleRange(min = 0, max = 10) double rejected,
            @ForAll @DoubleRange(min = -5, max = 5) double reference) {
        double margin = PreferenceLoss.margin(beta, new double[] {chosen, rejected}, reference);
        assertThat(PreferenceLoss.value(margin)).isCloseTo(loss(beta, chosen, rejected, reference), within(1e-9));
        double byChosen =
                (loss(beta, chosen + STEP, rejected, reference) - loss(beta, chosen - STEP, rejected, reference))
                        / (2 * STEP);
        double byRejected =
                (loss(beta, chosen, rejected + STEP, reference) - loss(beta, chosen, rejected - STEP, reference))
                        / (2 * STEP);
        assertThat(PreferenceLoss.slope(beta, margin)).isCloseTo(byChosen, within(1e-6));
        assertThat(-PreferenceLoss.slope(beta, margin)).isCloseTo(byRejected, within(1e-6));
    }

    @Test
    void largeMarginsStayFinite() {
        for (double margin : new double[] {-1e6, 1e6}) {
            assertThat(PreferenceLoss.value(margin)).isFinite();
            assertThat(PreferenceLoss.slope(0.5, margin)).isFinite();
        }
        assertThat(PreferenceLoss.value(-1e6)).isEqualTo(1e6);
    }
}
