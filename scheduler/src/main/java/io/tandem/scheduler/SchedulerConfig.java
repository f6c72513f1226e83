package io.tandem.scheduler;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.finetune.FinetuneJob;

/**
 * The scheduler's limits and targets.
 *
 * @param targets latencies to hold
 * @param finetuning what fine-tuning may take
 * @param prefillChunkTokens most prompt tokens of all sequences together in one iteration
 * @param kvCacheTokens tokens that all sequences may hold in the KV cache together; 0 means all that the slots can hold
 * @param maxQueuedRequests waiting requests before new ones are refused
 * @param maxQueuedJobs waiting fine-tuning jobs before new ones are refused
 * @param concurrentJobs fine-tuning jobs that train at once
 * @param packs how these share iterations
 * @param speculation whether answers get several tokens in one iteration
 */
public record SchedulerConfig(
        Targets targets,
        Finetuning finetuning,
        int prefillChunkTokens,
        int kvCacheTokens,
        int maxQueuedRequests,
        int maxQueuedJobs,
        int concurrentJobs,
        Packs packs,
        Speculation speculation) {

    /** With packs side by side. */
    public SchedulerConfig(
            Targets targets,
            Finetuning finetuning,
            int prefillChunkTokens,
            int kvCacheTokens,
            int maxQueuedRequests,
            int maxQueuedJobs,
            int concurrentJobs,
            Speculation speculation) {
        this(
                targets,
                finetuning,
                prefillChunkTokens,
                kvCacheTokens,
                maxQueuedRequests,
                maxQueuedJobs,
                concurrentJobs,
                Packs.TOGETHER,
                speculation);
    }

    /**
     * What answers should hold. A request attains its objective if both its time to first token and its mean time per
     * output token are within target.
     *
     * @param tpotMillis mean time per output token of a request after its first
     * @param ttftMillis from a request's arrival to its first token
     * @param delayMillis that others may add to the first token of a tenant that asks for little; 0 sets no bound
     */
    public record Targets(double tpotMillis, double ttftMillis, double delayMillis) {
        private static final double NANOS_PER_MILLI = 1e6;
        private static final int PIECES_PER_TOKEN = 4;

        /** Without a bound on what tenants do to each other. */
        public Targets(double tpotMillis, double ttftMillis) {
            this(tpotMillis, ttftMillis, 0);
        }

        public Targets {
            require(tpotMillis > 0, "tpot-target", tpotMillis, "more than 0 milliseconds");
            require(ttftMillis > 0, "ttft-target", ttftMillis, "more than 0 milliseconds");
            require(delayMillis >= 0, "tenant-delay", delayMillis, "0 or more milliseconds");
        }

        public long tpotNanos() {
            return (long) (tpotMillis * NANOS_PER_MILLI);
        }

        /**
         * How long steps of trainees may go on between two iterations. A quarter of the time per token hardly shows in a
         * stream, and the next windows make up for it; shorter pieces would only make the steps last longer.
         */
        public long pieceNanos() {
            return tpotNanos() / PIECES_PER_TOKEN;
        }

        public long ttftNanos() {
            return (long) (ttftMillis * NANOS_PER_MILLI);
        }

        public long delayNanos() {
            return (long) (delayMillis * NANOS_PER_MILLI);
        }
    }

    /** Where drafts of an answer's next tokens come from. */
    public enum Drafts {
        /** There are none. */
        NONE,
        /** From what followed the last tokens when they occurred before, in the prompt or the answer. */
        PROMPT_LOOKUP
    }

    /**
     * Speculative decoding. The tokens are the same with it and without; only the time that they take is not.
     *
     * @param maxDraftTokens of one sequence in one iteration; what is worth it up to there is up to the latency model
     */
    public record Speculation(Drafts drafts, int maxDraftTokens) {
        public static final Speculation NONE = new Speculation(Drafts.NONE, 1);

        public Speculation {
            require(maxDraftTokens >= 1 && maxDraftTokens <= 64, "max-draft-tokens", maxDraftTokens, "1 to 64");
        }
    }

    /** How the packs of several jobs share iterations. */
    public enum Packs {
        /** Side by side in one window, as far as the training arena holds them. */
        TOGETHER,
        /** One after the other. */
        IN_TURN
    }

    /** How inference and fine-tuning share the device. */
    public enum Mode {
        /** In the same iterations. */
        CO_SERVING,
        /** In turns, whole training steps between iterations of inference: a baseline to compare with. */
        TEMPORAL
    }

    /**
     * What fine-tuning may take.
     *
     * @param maxTokens most fine-tuning rows in one window
     * @param floor least share of the time that fine-tuning gets while inference alone fills the target; 0 means that
     *     it may stand still for as long as that lasts
     * @param fixedWindowTokens fine-tuning rows of every window, whatever the traffic, so that a job can be repeated
     *     bit for bit; 0 means that the latency model decides
     * @param mode how the device is shared
     * @param temporalInterval iterations of inference between two training steps in {@link Mode#TEMPORAL}
     */
    public record Finetuning(int maxTokens, double floor, int fixedWindowTokens, Mode mode, int temporalInterval) {
        public Finetuning {
            require(maxTokens >= 1, "max-finetune-tokens", maxTokens, "1 or more");
            require(floor >= 0 && floor <= 0.9, "finetune-floor", floor, "0 to 0.9");
            require(fixedWindowTokens >= 0, "fixed-window-tokens", fixedWindowTokens, "0 or more");
            require(temporalInterval >= 1, "temporal-interval", temporalInterval, "1 or more");
        }
    }

    public SchedulerConfig {
        require(prefillChunkTokens >= 1, "prefill-chunk-tokens", prefillChunkTokens, "1 or more");
        require(kvCacheTokens >= 0, "kv-cache-tokens", kvCacheTokens, "0 or more");
        require(maxQueuedRequests >= 1, "max-queued-requests", maxQueuedRequests, "1 or more");
        require(maxQueuedJobs >= 1, "max-queued-jobs", maxQueuedJobs, "1 or more");
        require(concurrentJobs >= 1 && concurrentJobs <= 64, "concurrent-jobs", concurrentJobs, "1 to 64");
    }

    /**
     * Whether packs of several jobs lie side by side. Not if windows are fixed, because then a job's weights depend on nobody
     * else, not even by rounding; nor in the baseline.
     */
    public boolean packsTogether() {
        return packs == Packs.TOGETHER && finetuning.mode() == Mode.CO_SERVING && finetuning.fixedWindowTokens() == 0;
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

    /** How many adapters can be in those at once: the first one is the base model's. */
    public int servedAdapters(KernelsConfig device) {
        return servingSlots(device) - 1;
    }

    private static void require(boolean holds, String key, Number found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("scheduler." + key + " is " + found + ", expected " + expected);
        }
    }
}
