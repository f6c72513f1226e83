package io.tandem.scheduler.finetune;

import io.tandem.kernels.adapter.Adapter;

/**
 * Where a job's progress goes. Called on the engine thread, so it must neither block nor throw; every accepted job gets
 * exactly one {@link #finish}.
 */
public interface JobSink {
    /** The job left the queue. */
    void start();

    void step(StepReport report);

    void finish(JobOutcome outcome);

    /**
     * One optimizer step.
     *
     * @param step from 1
     * @param totalSteps of the job
     * @param loss mean over the learned tokens of the mini-batch, in nats
     * @param learningRate of this step
     * @param gradientNorm before clipping
     * @param trainedTokens all tokens that went through the model for this step
     * @param learnedTokens those with a label
     */
    record StepReport(
            int step,
            int totalSteps,
            double loss,
            double learningRate,
            double gradientNorm,
            int trainedTokens,
            int learnedTokens) {}

    /** How a job ended. */
    sealed interface JobOutcome {
        record Succeeded(Adapter adapter) implements JobOutcome {}

        record Cancelled() implements JobOutcome {}

        /** @param message what went wrong and what to change, for people */
        record Failed(String message) implements JobOutcome {}
    }
}
