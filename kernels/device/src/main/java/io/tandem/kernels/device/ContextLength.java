package io.tandem.kernels.device;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryPlan.Part;
import io.tandem.kernels.model.ModelConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The longest sequence that is served: the model's own, or less if that was asked for or the KV cache would be too large. */
public final class ContextLength {
    private static final Logger LOG = LoggerFactory.getLogger(ContextLength.class);
    /** Of the memory, for the KV cache of all slots; the rest is for weights, training and other processes. */
    private static final long MEMORY_SHARE = 8;
    /** What nearly all requests need. A cache that is too large for this machine fails by its own message. */
    private static final int LEAST = 1024;

    private ContextLength() {}

    /**
     * Chooses it.
     *
     * @param limits with the type of the cache; a {@code contextTokens} of 0 leaves the length open
     * @param memoryBytes of the machine
     */
    public static int choose(ModelConfig model, KernelsConfig limits, long memoryBytes) {
        if (limits.contextTokens() > 0) {
            return Math.min(limits.contextTokens(), model.maxPositions());
        }
        long perToken =
                MemoryPlan.serving(model, limits.withContextTokens(LEAST)).bytes(Part.KV_CACHE) / LEAST;
        long held = memoryBytes / MEMORY_SHARE / perToken;
        int chosen = (int) Math.min(model.maxPositions(), Math.max(LEAST, held));
        if (chosen < model.maxPositions()) {
            LOG.info(
                    "the context is cut to {} of the model's {} tokens, so that the KV cache of {} sequences takes an"
                            + " eighth of the memory; kernels.context-tokens sets it, fewer kernels.kv-slots allow more",
                    chosen,
                    model.maxPositions(),
                    limits.kvSlots());
        }
        return chosen;
    }
}
