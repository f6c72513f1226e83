package io.tandem.scheduler.finetune;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.LearningRun.Finding;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * Where a job's progress goes. Called on the engine thread, so it must neither block nor throw; every accepted job gets
 * exactly one {@link #finish}.
 */
public interface JobSink {
    /** The job left the queue. */
    void start();

    void step(StepReport report);

    /** The policy that says what learns has measured examples of its own. */
    void found(Found found);

    /** Modules and ranks of the adapter were left out; the others go on. */
    void pruned(Pruned pruned);

    /** The validation examples were measured. */
    void measured(Measured measured);

    /** The training examples were examined; this is all that is known of them by now. */
    void examined(Trajectories trajectories);

    /** Ranks of the adapter's modules grew. */
    void grew(Grown grown);

    /** The job can go on from here. */
    void checkpoint(JobCheckpoint checkpoint);

    void finish(JobOutcome outcome);

    /**
     * One optimizer step.
     *
     * @param step from 1
     * @param totalSteps of the job
     * @param scores of the mini-batch
     * @param learningRate of this step
     * @param gradientNorm before clipping
     * @param tokens all tokens that went through the model for this step
     * @param trainedTokens the same for all steps so far, those before an interruption included
     * @param seconds since the first window of this step
     * @param plan what learned
     */
    record StepReport(
            int step,
            int totalSteps,
            Scores scores,
            double learningRate,
            double gradientNorm,
            int tokens,
            long trainedTokens,
            double seconds,
            LearningPlan plan) {
        public double loss() {
            return scores.loss();
        }
    }

    /**
     * What the next steps follow.
     *
     * @param step finished steps
     */
    record Found(int step, Finding finding) {}

    /**
     * What is left of an adapter.
     *
     * @param step after which it was pruned
     * @param singleWeights that are tuned instead of others' factors
     * @param skipped layers that it skips from here on
     */
    record Pruned(
            int step,
            int modulesBefore,
            int ranksBefore,
            int modules,
            int ranks,
            long singleWeights,
            SortedSet<Integer> skipped) {
        static Pruned of(int step, Adapter before, Adapter now) {
            long singleWeights = now.modules().values().stream()
                    .filter(SingleWeights.class::isInstance)
                    .mapToLong(Change::numbers)
                    .sum();
            int all = before.modules().size();
            return new Pruned(step, all, ranks(before), now.modules().size(), ranks(now), singleWeights, now.skipped());
        }

        private static int ranks(Adapter adapter) {
            return adapter.modules().values().stream().mapToInt(Change::rank).sum();
        }
    }

    /**
     * How well the validation examples were predicted.
     *
     * @param step finished steps; 0 is before the first
     * @param lossByAbility of the examples of each ability, like the loss of all
     */
    record Measured(int step, Scores scores, SortedMap<String, Double> lossByAbility) {
        public double loss() {
            return scores.loss();
        }
    }

    /**
     * The ranks of a method's modules that grow.
     *
     * @param step after which they grew
     * @param before of each module
     * @param now of each module
     * @param most that all modules may have together
     */
    record Grown(int step, SortedMap<Site, Integer> before, SortedMap<Site, Integer> now, int most) {}

    /** How a job ended. */
    sealed interface JobOutcome {
        /**
         * @param adapter the result
         * @param step after which it was taken; less than the last one if the best was asked for
         * @param stoppedEarly whether the job ended because it brought nothing any more
         */
        record Succeeded(Adapter adapter, int step, boolean stoppedEarly) implements JobOutcome {}

        /** The job had nothing to learn, and what it measured has been told. */
        record OnlyMeasured() implements JobOutcome {}

        /**
         * The job was paused, or the engine was shut down. It may be submitted again.
         *
         * @param checkpoint where to go on; absent if nothing was done since the job was submitted
         */
        record Suspended(Optional<JobCheckpoint> checkpoint) implements JobOutcome {}

        record Cancelled() implements JobOutcome {}

        /** @param message what went wrong and what to change, for people */
        record Failed(String message) implements JobOutcome {}
    }
}
