package io.tandem.scheduler.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScoreTallyTest {
    private static Sequence learned(int tokens) {
        int[] labels = new int[tokens + 1];
        labels[tokens] = TrainingPack.IGNORED;
        return new Sequence(new int[tokens + 1], labels);
    }

    private static SequenceScores scores(double[] losses, int... mistakes) {
        return new SequenceScores(losses, mistakes);
    }

    @Test
    void textsAreAveragedOverTokensAndMatchAsAWhole() {
        ScoreTally tally = new ScoreTally(new Objective.Supervised());
        tally.add(example(learned(3)), scores(new double[] {6}, 1), 0);
        tally.add(example(learned(5)), scores(new double[] {2}, 0), 0);
        tally.add(example(learned(2)), scores(new double[] {0}, 2), 0);
        Scores all = tally.scores();
        assertThat(tally.count()).isEqualTo(10);
        assertThat(all.loss()).isEqualTo(0.8);
        assertThat(all.tokenAccuracy().orElseThrow()).isCloseTo(0.7, within(1e-12));
        assertThat(all.exactMatch().orElseThrow()).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(all.rewardAccuracy()).isEmpty();
    }

    @Test
    void pairsAreAveragedOverPairs() {
        ScoreTally tally = new ScoreTally(new Objective.Preference(1));
        Example pair = example(learned(2), learned(2));
        tally.add(pair, scores(new double[] {1, 3}, 0, 0), 0);
        tally.add(pair, scores(new double[] {3, 1}, 0, 0), 0);
        Scores all = tally.scores();
        assertThat(tally.count()).isEqualTo(2);
        assertThat(all.loss()).isCloseTo(Math.log1p(Math.exp(-2)) / 2 + Math.log1p(Math.exp(2)) / 2, within(1e-12));
        assertThat(all.rewardAccuracy().orElseThrow()).isEqualTo(0.5);
        assertThat(all.tokenAccuracy()).isEmpty();
        assertThat(all.exactMatch()).isEmpty();
    }

    private static Example example(Sequence... sequences) {
        return new Example("", Optional.empty(), List.of(sequences));
    }
}
