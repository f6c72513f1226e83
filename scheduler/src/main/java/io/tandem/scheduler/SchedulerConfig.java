package io.tandem.scheduler;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.finetune.FinetuneJob;

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
 * @param concurrentJobs fine-tuning jobs that train at once, in turns
 * @param fixedWindowTokens rows of every fine-tuning window, whatever the target, so that jobs can be repeated bit for
 *     bit; 0 means as many as fit
 */
public record SchedulerConfig(
        double iterationTargetMillis,
        int prefillChunkTokens,
        int kvCacheTokens,
        int maxQueuedRequests,
        int maxQueuedJobs,
        int maxFinetuneTokens,
        int concurrentJobs,
        int fixedWindowTokens) {

    public SchedulerConfig {
        require(iterationTargetMillis > 0, "iteration-target", iterationTargetMillis, "more than 0 milliseconds");
        require(prefillChunkTokens >= 1, "prefill-chunk-tokens", prefillChunkTokens, "1 or more");
        require(kvCacheTokens >= 0, "kv-cache-tokens", kvCacheTokens, "0 or more");
        require(maxQueuedRequests >= 1, "max-queued-requests", maxQueuedRequests, "1 or more");
        require(maxQueuedJobs >= 1, "max-queued-jobs", maxQueuedJobs, "1 or more");
        require(maxFinetuneTokens >= 1, "max-finetune-tokens", maxFinetuneTokens, "1 or more");
        require(concurrentJobs >= 1 && concurrentJobs <= 64, "concurrent-jobs", concurrentJobs, "1 to 64");
        require(fixedWindowTokens >= 0, "fixed-window-tokens", fixedWindowTokens, "0 or more");
    }

    /** Adapter slots that only jobs use: one for each trainee, and those for the frozen adapters below it. */
    public int trainingSlots() {
        return concurrentJobs + FinetuneJob.MAX_UNDER;
    }

    /** What the device needs, so that jobs never take a slot from serving. */
    public KernelsConfig deviceLimits(KernelsConfig serving) {
        return serving.withAdapterSlots(serving.adapterSlots() + trainingSlots());
    }

    /** The part of the device's adapter slots that serves. */
    public int servingSlots(KernelsConfig device) {
        return device.adapterSlots() - trainingSlots();
    }

    private static void require(boolean holds, String key, Number found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("scheduler." + key + " is " + found + ", expected " + expected);
        }
    }
}
