package io.tandem.scheduler;

/**
 * The scheduler's limits and targets.
 *
 * @param iterationTargetMillis latency that an iteration should not exceed; fine-tuning takes what inference leaves of
 *     it
 * @param prefillChunkTokens most prompt tokens of all sequences together in one iteration
 * @param kvCacheTokens tokens that all sequences may hold in the KV cache together; 0 means all that the slots can hold
 * @param maxQueuedRequests waiting requests before new ones are refused
 * @param maxQueuedJobs waiting fine-tuning jobs before new ones are refused
 * @param maxFinetuneTokens most fine-tuning rows in one window
 */
public record SchedulerConfig(
        double iterationTargetMillis,
        int prefillChunkTokens,
        int kvCacheTokens,
        int maxQueuedRequests,
        int maxQueuedJobs,
        int maxFinetuneTokens) {

    public SchedulerConfig {
        require(iterationTargetMillis > 0, "iteration-target", iterationTargetMillis, "more than 0 milliseconds");
        require(prefillChunkTokens >= 1, "prefill-chunk-tokens", prefillChunkTokens, "1 or more");
        require(kvCacheTokens >= 0, "kv-cache-tokens", kvCacheTokens, "0 or more");
        require(maxQueuedRequests >= 1, "max-queued-requests", maxQueuedRequests, "1 or more");
        require(maxQueuedJobs >= 1, "max-queued-jobs", maxQueuedJobs, "1 or more");
        require(maxFinetuneTokens >= 1, "max-finetune-tokens", maxFinetuneTokens, "1 or more");
    }

    private static void require(boolean holds, String key, Number found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("scheduler." + key + " is " + found + ", expected " + expected);
        }
    }
}
