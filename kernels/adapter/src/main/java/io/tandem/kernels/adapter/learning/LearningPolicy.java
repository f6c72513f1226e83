package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * Which parameters learn in each step, and what becomes of them: a job's choice beside its {@link PeftMethod}, which says
 * what parameters there are.
 */
public interface LearningPolicy {
    /** All parameters learn in every step. */
    LearningPolicy EVERYTHING = new LearningPolicy() {
        @Override
        public String name() {
            return "everything";
        }

        @Override
        public LearningRun start(Setting setting, LearningState from) {
            return step -> LearningPlan.EVERYTHING;
        }
    };

    /**
     * What a job is made of.
     *
     * @param layers of the model
     * @param examples to learn
     * @param totalSteps of the job
     * @param seed of the job
     */
    record Setting(int layers, int examples, int totalSteps, long seed) {}

    /** What a job calls it by. */
    String name();

    /** Whether there are steps in which only some layers learn. */
    default boolean takesTurns() {
        return false;
    }

    /** Whether the adapter after the last step is what the job is for, so that no earlier one will do. */
    default boolean leavesTheLast() {
        return false;
    }

    /** Whether its rows share no windows with those of other jobs, because they go through the device in a way of their own. */
    default boolean goesAlone() {
        return false;
    }

    /**
     * How many layers are {@linkplain LearningPlan#sensed sensed} at once, at most.
     *
     * @param layers of the model
     * @param totalSteps of the job
     */
    default int sensedLayers(int layers, int totalSteps) {
        return 0;
    }

    /** Why it cannot be had with a method, for people; empty if it can. */
    default Optional<String> refusal(PeftMethod method) {
        return Optional.empty();
    }

    /**
     * The policy while a job trains.
     *
     * @param from {@link LearningState#NONE}, or what an earlier run of the job {@linkplain LearningRun#state remembered}
     * @throws IllegalArgumentException if that is none of this policy and job
     */
    LearningRun start(Setting setting, LearningState from);
}
