package io.tandem.scheduler.loop;

/**
 * What one iteration did.
 *
 * @param iteration number, from 1
 * @param durationNanos of the device call
 * @param predictedNanos by the latency model, before it ran
 * @param trainingNanos how much of the duration is owed to the fine-tuning window, by the latency model's prediction of
 *     the same iteration without it; 0 if there is none
 * @param decodeTokens that answers got, but for their first ones
 * @param draftTokens that ran as drafts of what follows
 * @param acceptedTokens of the drafts, those that were right; each gave another one of the decoded tokens
 * @param prefillTokens prompt tokens
 * @param forwardTokens fine-tuning rows that went forward
 * @param backwardTokenLayers fine-tuning rows times layers that went backward
 * @param adapters different adapters in the batch
 * @param runningSequences after the iteration
 * @param waitingRequests after the iteration
 * @param preemptions sequences that lost their KV slot
 * @param copiedTokens of prompts whose keys and values were copied from another slot before the iteration
 * @param cachedTokens in the KV cache after the iteration
 * @param bestEffortTokens how many of the decode and prompt tokens belong to best-effort requests
 * @param bounded whether it was kept short for a tenant that asks for little
 * @param loops of a recursive model that the decoded tokens went through together; 0 if the model is none
 */
public record IterationReport(
        long iteration,
        long durationNanos,
        long predictedNanos,
        long trainingNanos,
        int decodeTokens,
        int draftTokens,
        int acceptedTokens,
        int prefillTokens,
        int forwardTokens,
        int backwardTokenLayers,
        int adapters,
        int runningSequences,
        int waitingRequests,
        int preemptions,
        int copiedTokens,
        int cachedTokens,
        int bestEffortTokens,
        boolean bounded,
        int loops) {

    /** Whether it carried inference. */
    public boolean serves() {
        return decodeTokens + prefillTokens > 0;
    }

    /** Whether it carried a fine-tuning window. */
    public boolean finetunes() {
        return forwardTokens + backwardTokenLayers > 0;
    }
}
