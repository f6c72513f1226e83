package io.tandem.scheduler.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class PromptLookupTest {
    /** Few different tokens, so that all lengths of matches occur; prompts come in chunks, and again after preemption. */
    @Property(tries = 300)
    void aDraftIsWhatFollowedTheLatestOccurrenceOfTheLongestSuffix(@ForAll long seed) {
        Random random = new Random(seed);
        int alphabet = 2 + random.nextInt(12);
        int[] text = random.ints(1 + random.nextInt(300), 0, alphabet).toArray();
        PromptLookup lookup = new PromptLookup();
        int prompt = 1 + random.nextInt(text.length);
        for (int at = 0; at < prompt; at += 1 + random.nextInt(50)) {
            lookup.extend(text, at);
        }
        lookup.extend(text, prompt);
        assertThat(lookup.draft(text, prompt, 5).tokens())
                .as("before the first token")
                .isEmpty();
        for (int length = prompt + 1; length <= text.length; length++) {
            if (random.nextInt(20) == 0) {
                lookup.extend(text, random.nextInt(length));
            }
            lookup.append(text, length);
            int most = 1 + random.nextInt(8);
            Draft draft = lookup.draft(text, length, most);
            int[] all = expected(text, length, most);
            int count = draft.tokens().length;
            assertThat(draft.tokens()).isEqualTo(Arrays.copyOf(all, count));
            if (count < all.length) {
                assertThat(draft.first() * Math.pow(draft.others(), count)).isLessThan(0.25);
            }
            assertThat(lookup.draft(text, length, 0)).isEqualTo(Draft.NONE);
        }
    }

    private static int[] expected(int[] text, int length, int most) {
        for (int n = Math.min(3, length - 1); n > 0; n--) {
            for (int place = length - 1; place >= n; place--) {
                if (Arrays.equals(text, place - n, place, text, length - n, length)) {
                    int[] draft = new int[most];
                    for (int i = 0; i < most; i++) {
                        draft[i] = text[place + i % (length - place)];
                    }
                    return draft;
                }
            }
        }
        return new int[0];
    }

    @Test
    void oddsFollowWhatWouldHaveBeenRight() {
        PromptLookup lookup = new PromptLookup();
        int[] text = new int[400];
        for (int i = 0; i < 200; i++) {
            text[i] = i % 10;
        }
        System.arraycopy(new Random(1).ints(200, 0, 10).toArray(), 0, text, 200, 200);
        for (int length = 1; length <= 200; length++) {
            lookup.append(text, length);
        }
        Draft copied = lookup.draft(text, 200, 4);
        assertThat(copied.tokens()).containsExactly(0, 1, 2, 3);
        assertThat(copied.first()).isBetween(0.95, 1.0);
        assertThat(copied.expected(2)).isCloseTo(copied.first() * (1 + copied.others()), within(1e-9));
        for (int length = 201; length <= 400; length++) {
            lookup.append(text, length);
        }
        assertThat(lookup.draft(text, 400, 4).tokens()).as("of random text").isEmpty();
    }

    /** A million tokens, of which most n-grams are the same: no operation searches the text. */
    @Test
    void aLongTextTakesTimeInProportion() {
        int[] text = new int[1_000_000];
        for (int i = 0; i < text.length; i++) {
            text[i] = i % 1000 == 0 ? i : 1;
        }
        PromptLookup lookup = new PromptLookup();
        for (int length = 1; length <= text.length; length++) {
            lookup.append(text, length);
        }
        assertThat(lookup.draft(text, text.length, 2).tokens()).containsExactly(1, 1);
    }
}
