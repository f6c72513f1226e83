package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class PstPolicyTest {
    private static LearningRun run(PstPolicy policy, int steps) {
        return policy.start(new Setting(2, 8, steps, 1), LearningState.NONE);
    }

    /** {@code s (1 - (1 - t)^3)} of the steps between. */
    @Test
    void sparsityGrowsByTheCubicScheduleBetweenWarmUpAndHold() {
        LearningRun run = run(new PstPolicy(0.9, 0.1, 0.3), 100);
        for (int step = 0; step < 100; step++) {
            double t = Math.min(1, Math.max(0, (step + 1 - 10) / 60.0));
            assertThat(run.plan(step).zeros())
                    .as("step %d", step)
                    .isCloseTo(0.9 * (1 - Math.pow(1 - t, 3)), Offset.offset(1e-12));
        }
        assertThat(run.plan(9).zeros()).isZero();
        assertThat(run.plan(10).zeros()).isPositive();
        assertThat(run.plan(69).zeros()).isEqualTo(0.9);
        assertThat(run.plan(99).zeros()).isEqualTo(0.9);
    }

    /** Whatever the job's length, its last step leaves what it was to leave. */
    @Test
    void theLastStepIsAsSparseAsTheJobIsToBe() {
        for (int steps = 1; steps < 12; steps++) {
            for (double hold : new double[] {0, 0.3, 0.89}) {
                assertThat(run(new PstPolicy(0.8, 0.1, hold), steps)
                                .plan(steps - 1)
                                .zeros())
                        .isCloseTo(0.8, Offset.offset(1e-12));
            }
        }
    }

    @Test
    void boundsThatLeaveNoStepsBetweenAreRefused() {
        assertThatThrownBy(() -> new PstPolicy(0.9, 0.5, 0.5)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new PstPolicy(1, 0.1, 0.3)).isInstanceOf(IllegalArgumentException.class);
    }
}
