package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopMatcherTest {
    @Test
    void holdsBackWhatMayBeginAStopString() {
        StopMatcher matcher = new StopMatcher(List.of("END"), false);
        assertThat(matcher.accept("aE")).isEqualTo("a");
        assertThat(matcher.accept("N")).isEmpty();
        assertThat(matcher.accept("E")).isEqualTo("EN");
        assertThat(matcher.accept("NDx")).isEmpty();
        assertThat(matcher.stopped()).isTrue();
        assertThat(matcher.accept("more")).isEmpty();
        assertThat(matcher.finish()).isEmpty();
    }

    @Test
    void givesBackWhatWasHeldAtTheEnd() {
        StopMatcher matcher = new StopMatcher(List.of("END"), false);
        assertThat(matcher.accept("EN")).isEmpty();
        assertThat(matcher.finish()).isEqualTo("EN");
        assertThat(matcher.stopped()).isFalse();
    }

    @Test
    void withoutStopStringsHoldsNothing() {
        assertThat(new StopMatcher(List.of(), false).accept("text")).isEqualTo("text");
        assertThat(new StopMatcher(List.of(""), false).accept("text")).isEqualTo("text");
    }

    @Test
    void sendsTheTextBeforeTheEarliestStringWhateverThePieces() {
        Random random = new Random(3);
        for (int round = 0; round < 5000; round++) {
            List<String> stops = new ArrayList<>();
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                stops.add(text(random, 1 + random.nextInt(4)));
            }
            String all = text(random, random.nextInt(20));
            StopMatcher matcher = new StopMatcher(stops, false);
            StringBuilder sent = new StringBuilder();
            int at = 0;
            // The server stops asking once the matcher has stopped.
            while (at < all.length() && !matcher.stopped()) {
                int end = Math.min(all.length(), at + 1 + random.nextInt(3));
                sent.append(matcher.accept(all.substring(at, end)));
                at = end;
            }
            sent.append(matcher.finish());
            String read = all.substring(0, at);
            int first = stops.stream()
                    .mapToInt(read::indexOf)
                    .filter(i -> i >= 0)
                    .min()
                    .orElse(at);
            assertThat(sent).hasToString(read.substring(0, first));
        }
    }

    private static String text(Random random, int length) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append((char) ('a' + random.nextInt(2)));
        }
        return text.toString();
    }
}
