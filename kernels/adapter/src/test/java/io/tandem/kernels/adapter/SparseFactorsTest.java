package io.tandem.kernels.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is left of a weight by the rule of PST, with numbers that can be followed by hand. */
class SparseFactorsTest {
    private static final LowRank NONE = new LowRank(1, 3, 2, new float[3], new float[2], 1);
    private static final float[] WEIGHT = {1, -6, 3, -4, 5, 2};

    private static SparseFactors of(LowRank change, LowRank scores, float[] rows, float[] columns, double sparsity) {
        return new SparseFactors(change, scores, rows, columns, sparsity);
    }

    private static SparseFactors plain(double sparsity) {
        return of(NONE, NONE, new float[2], new float[3], sparsity);
    }

    @Test
    void theSmallestAreLeftOut() {
        assertThat(plain(0).prune(WEIGHT.clone())).containsExactly(WEIGHT);
        assertThat(plain(0.5).prune(WEIGHT.clone())).containsExactly(0, -6, 0, -4, 5, 0);
        assertThat(plain(0.5).pruned()).isEqualTo(3);
        assertThat(plain(0.99).prune(WEIGHT.clone())).containsExactly(0, -6, 0, 0, 0, 0);
    }

    @Test
    void theChangeCountsBeforeTheScores() {
        LowRank change = new LowRank(1, 3, 2, new float[] {1, 0, -1}, new float[] {2, 1}, 1);
        assertThat(of(change, NONE, new float[2], new float[3], 0.5).prune(WEIGHT.clone()))
                .as("of 3, -6, 1, -3, 5, 1, of which two score the same")
                .containsExactly(0, -6, 0, 0, 5, 0);
    }

    @Test
    void whatLearnsOfTheScoresDecides() {
        float[] rows = {-10, 0};
        assertThat(of(NONE, NONE, rows, new float[3], 0.5).prune(WEIGHT.clone()))
                .containsExactly(0, 0, 0, -4, 5, 2);
        float[] columns = {0, 0, 10};
        assertThat(of(NONE, NONE, new float[2], columns, 0.5).prune(WEIGHT.clone()))
                .containsExactly(0, -6, 3, 0, 0, 2);
        LowRank scores = new LowRank(1, 3, 2, new float[] {10, 0, 0}, new float[] {1, 1}, 1);
        assertThat(of(NONE, scores, new float[2], new float[3], 0.5).prune(WEIGHT.clone()))
                .containsExactly(1, -6, 0, -4, 0, 0);
    }

    /** More than were to be, so a weight with zeros in it stays as sparse as it is. */
    @Test
    void equalScoresAreLeftOutTogether() {
        assertThat(plain(0.2).prune(new float[] {0, 0, 3, 0, 1, 0})).containsExactly(0, 0, 3, 0, 1, 0);
        assertThat(plain(0.2).prune(new float[] {1, 1, 3, -1, 2, 1})).containsExactly(0, 0, 3, 0, 2, 0);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> plain(1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> of(NONE, NONE, new float[3], new float[3], 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not those of a weight [2, 3]");
        LowRank scaled = new LowRank(1, 3, 2, new float[3], new float[2], 2);
        assertThatThrownBy(() -> of(scaled, NONE, new float[2], new float[3], 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("scaled");
    }

    @Test
    void othersNumbersKeepTheSparsity() {
        SparseFactors own = plain(0.5);
        List<float[]> values = own.parameters().stream().map(Parameter::values).toList();
        assertThat(own.with(values)).usingRecursiveComparison().isEqualTo(own);
        assertThat(own.with(0.25).sparsity()).isEqualTo(0.25);
    }
}
