package io.tandem.loadtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.testing.Seeded;
import io.tandem.loadtest.result.Quantiles;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LengthsTest {
    private static final int DRAWS = 200_000;

    @RegisterExtension
    final Seeded seeded = new Seeded();

    @Test
    void lengthsHaveThePublishedQuantiles() {
        SplittableRandom random = new SplittableRandom(seeded.seed());
        double[] prompts = new double[DRAWS];
        double[] answers = new double[DRAWS];
        for (int i = 0; i < DRAWS; i++) {
            Lengths.Size size = Lengths.SHARE_GPT.draw(random);
            prompts[i] = size.promptTokens();
            answers[i] = size.answerTokens();
        }
        // Six standard errors of a sample's quantile, of so many draws, and what rounding to whole tokens adds.
        Map.of(0.1, 8.0, 0.5, 52.0, 0.9, 357.0, 0.99, 1713.0)
                .forEach((share, tokens) -> assertThat(Quantiles.of(prompts).at(share))
                        .as("prompts, %s", share)
                        .isCloseTo(tokens, within(0.6 + 0.08 * tokens)));
        Map.of(0.1, 45.0, 0.5, 185.0, 0.9, 756.0, 0.99, 2387.0)
                .forEach((share, tokens) -> assertThat(Quantiles.of(answers).at(share))
                        .as("answers, %s", share)
                        .isCloseTo(tokens, within(0.6 + 0.06 * tokens)));
        assertThat(IntStream.range(0, DRAWS)
                        .mapToDouble(i -> answers[i])
                        .average()
                        .orElseThrow())
                .isCloseTo(338, within(10.0));
    }

    @ParameterizedTest
    @EnumSource(Lengths.class)
    void cutLengthsFitTheContextAndKeepAnAnswer(Lengths lengths) {
        SplittableRandom random = new SplittableRandom(seeded.seed());
        for (int i = 0; i < 20_000; i++) {
            int context = random.nextInt(2, 2048);
            Lengths.Size whole = lengths.draw(random);
            Lengths.Size cut = whole.cut(context);
            assertThat(cut.promptTokens()).isBetween(1, whole.promptTokens());
            assertThat(cut.answerTokens()).isBetween(1, whole.answerTokens());
            assertThat(cut.promptTokens() + cut.answerTokens()).isLessThanOrEqualTo(context);
        }
    }

    @Test
    void whatFitsIsNotCut() {
        Lengths.Size size = new Lengths.Size(100, 200);
        assertThat(size.cut(1024)).isEqualTo(size);
    }
}
