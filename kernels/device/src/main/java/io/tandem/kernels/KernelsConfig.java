package io.tandem.kernels;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.model.Dtype;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Every limit of the device model; all memory is carved from these at start.
 *
 * @param dtype type of activations, the embedding and the KV cache
 * @param weights forms of the frozen weights
 * @param threads threads of one device operation; 0 means one per core
 * @param kvSlots sequences that can hold keys and values at once
 * @param contextTokens longest sequence, prompt and answer together, in tokens; 0 means the model's own, as far as memory
 *     holds its keys and values
 * @param maxTokensPerIteration rows of all kinds in one iteration
 * @param adapterSlots adapters resident on the device at once
 * @param maxRank largest rank of an adapter
 * @param packTokens rows of training tokens whose activations are kept at once
 * @param stash which activations those are
 * @param fullModules matrices {@code [vocabulary, hidden]} that adapters of requests may have in full on the device at once
 * @param teacher files of a model of the same vocabulary that adapters may learn from, if there is one
 */
public record KernelsConfig(
        Dtype dtype,
        WeightForms weights,
        int threads,
        int kvSlots,
        int contextTokens,
        int maxTokensPerIteration,
        int adapterSlots,
        int maxRank,
        int packTokens,
        Stash stash,
        int fullModules,
        Optional<Path> teacher) {

    private static final int MAX_LANES = 8;

    public KernelsConfig {
        require(threads >= 0, "threads", threads, "0 or more");
        require(kvSlots >= 1 && kvSlots <= 4096, "kv-slots", kvSlots, "1 to 4096");
        require(contextTokens == 0 || contextTokens >= 16, "context-tokens", contextTokens, "0, or 16 or more");
        require(maxTokensPerIteration >= 16, "max-tokens-per-iteration", maxTokensPerIteration, "16 or more");
        require(adapterSlots >= 1 && adapterSlots <= 4096, "adapter-slots", adapterSlots, "1 to 4096");
        require(maxRank >= 1 && maxRank <= 512, "max-rank", maxRank, "1 to 512");
        require(packTokens >= 16, "pack-tokens", packTokens, "16 or more");
        require(fullModules >= 0 && fullModules <= 4096, "full-modules", fullModules, "0 to 4096");
    }

    /** With weights in one form, which may be left open like the type, no modules in full and no teacher. */
    public KernelsConfig(
            Dtype dtype,
            WeightForm weightForm,
            int threads,
            int kvSlots,
            int contextTokens,
            int maxTokensPerIteration,
            int adapterSlots,
            int maxRank,
            int packTokens,
            Stash stash) {
        this(
                dtype,
                WeightForms.of(weightForm),
                threads,
                kvSlots,
                contextTokens,
                maxTokensPerIteration,
                adapterSlots,
                maxRank,
                packTokens,
                stash,
                0,
                Optional.empty());
    }

    /** The same limits for other numerics. */
    public KernelsConfig withNumerics(Dtype type, WeightForms forms) {
        return with(type, forms, threads, contextTokens, adapterSlots, fullModules);
    }

    /** The same limits with another number of threads. */
    public KernelsConfig withThreads(int count) {
        return with(dtype, weights, count, contextTokens, adapterSlots, fullModules);
    }

    /** The same limits with another context length. */
    public KernelsConfig withContextTokens(int tokens) {
        return with(dtype, weights, threads, tokens, adapterSlots, fullModules);
    }

    /** The same limits with another number of adapter slots. */
    public KernelsConfig withAdapterSlots(int slots) {
        return with(dtype, weights, threads, contextTokens, slots, fullModules);
    }

    /** The same limits with another number of modules in full. */
    public KernelsConfig withFullModules(int modules) {
        return with(dtype, weights, threads, contextTokens, adapterSlots, modules);
    }

    /** The same limits with a teacher. */
    public KernelsConfig withTeacher(Optional<Path> files) {
        return new KernelsConfig(
                dtype,
                weights,
                threads,
                kvSlots,
                contextTokens,
                maxTokensPerIteration,
                adapterSlots,
                maxRank,
                packTokens,
                stash,
                fullModules,
                files);
    }

    private KernelsConfig with(Dtype type, WeightForms forms, int threadCount, int context, int slots, int modules) {
        return new KernelsConfig(
                type,
                forms,
                threadCount,
                kvSlots,
                context,
                maxTokensPerIteration,
                slots,
                maxRank,
                packTokens,
                stash,
                modules,
                teacher);
    }

    /**
     * Parts of an iteration that may run at once, each on one thread: as many as there are threads, or 1 if there are so
     * many threads that only large operations make use of them.
     */
    public int lanes() {
        if (threads == 0) {
            throw new IllegalStateException("kernels.threads has not been resolved for this machine");
        }
        return threads <= MAX_LANES ? threads : 1;
    }

    /** Matrices that the device has room for: those of requests, and what the adapters of a job's pack may have beside them. */
    public int fullMatrices() {
        return fullModules == 0 ? 0 : fullModules + FullModule.values().length;
    }

    private static void require(boolean holds, String key, int found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("kernels." + key + " is " + found + ", expected " + expected);
        }
    }
}
