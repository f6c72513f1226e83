package io.tandem.loadtest.roofline;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;

/**
 * What a step cannot do without: every weight that it needs read once, every row of keys and values it attends to, every
 * multiplication. Activations between operations are not counted; they could stay in caches.
 *
 * @param bytes to and from memory
 * @param operations in bfloat16; a multiplication and an addition are two
 * @param wideOperations in float32, where the kernel needs them to be
 */
record Work(double bytes, double operations, double wideOperations) {
    private static final int NARROW = Short.BYTES;

    /** The least time that it takes, in milliseconds. */
    double limitMillis(Peaks peaks) {
        return 1e3 * Math.max(bytes / peaks.bytesPerSecond(), computeSeconds(peaks));
    }

    /** What sets the limit. */
    String bound(Peaks peaks) {
        return bytes / peaks.bytesPerSecond() > computeSeconds(peaks) ? "memory" : "arithmetic";
    }

    private double computeSeconds(Peaks peaks) {
        return operations / peaks.operationsPerSecond() + wideOperations / peaks.wideOperationsPerSecond();
    }

    private Work plus(Work other) {
        return new Work(bytes + other.bytes, operations + other.operations, wideOperations + other.wideOperations);
    }

    /** One token for each of some sequences. */
    static Work decode(ModelConfig model, int batch, int context) {
        double weights = layerWeights(model) + head(model);
        double keys = (double) batch * context * keysAndValues(model);
        return new Work(NARROW * (weights + keys), batch * (2 * weights + attention(model, context)), 0);
    }

    /** A prompt, of whose last token the logits are wanted. */
    static Work prefill(ModelConfig model, int tokens) {
        double weights = layerWeights(model);
        double attention = attention(model, tokens) * (tokens + 1) / 2;
        double bytes = weights + head(model) + (double) tokens * keysAndValues(model);
        return new Work(NARROW * bytes, 2 * weights * tokens + 2 * head(model) + attention, 0);
    }

    /** Decode rows that use some adapters of one rank in every linear. */
    static Work adapters(ModelConfig model, int batch, int context, int adapters, int rank) {
        double factors = factors(model, rank);
        return decode(model, batch, context).plus(new Work(NARROW * adapters * factors, 2 * batch * factors, 0));
    }

    /**
     * Backward through all layers of one sequence whose activations are kept. Scores and their gradients are products
     * in float32; the other three of attention, and all others, are not.
     */
    static Work backward(ModelConfig model, int tokens, int rank) {
        double product = attention(model, tokens) / 2 * (tokens + 1) / 2;
        double stash = (double) tokens * model.layers() * stashWidth(model);
        // Of an adapter: the inner activation again, its gradient, those of both factors, and that of the input.
        double adapter = 2 * tokens * (factors(model, rank) * 2 + inputs(model, rank));
        double linears = 2 * layerWeights(model) * tokens;
        return new Work(NARROW * (layerWeights(model) + stash), linears + adapter + 3 * product, 2 * product);
    }

    /** One update of an adapter of one rank in every linear. */
    static Work optimizerStep(ModelConfig model, OptimizerConfig.Method method, int rank) {
        double factors = factors(model, rank);
        double state = method.stateBytes(Math.round(factors));
        // Weight and state are read and written, the gradient is read and cleared, the copy that serves is written.
        return new Work(factors * (4 * Float.BYTES + NARROW) + 2 * state, 0, 0);
    }

    /** One draw for each of some rows of logits. */
    static Work sampling(int rows, int vocabulary) {
        return new Work((double) rows * vocabulary * Float.BYTES, 0, 0);
    }

    private static double layerWeights(ModelConfig model) {
        double sum = 0;
        for (TargetModule module : model.modules()) {
            sum += (double) module.inputs(model) * module.outputs(model);
        }
        return model.layers() * sum;
    }

    private static double head(ModelConfig model) {
        return (double) model.vocab() * model.hidden();
    }

    /** Numbers that a token adds to the KV cache. */
    private static double keysAndValues(ModelConfig model) {
        return 2.0 * model.layers() * model.kvHeads() * model.headDim();
    }

    /** Operations of a query with the keys and values of this many tokens, in all layers. */
    private static double attention(ModelConfig model, int context) {
        return 4.0 * model.layers() * model.heads() * model.headDim() * context;
    }

    /** Numbers that backward reads of one token and layer: see {@code arena.py}. */
    private static double stashWidth(ModelConfig model) {
        int heads = model.heads() * model.headDim();
        return 2.0 * model.hidden() + 2.0 * heads + 2.0 * model.ffn() + 2.0 * model.kvHeads() * model.headDim();
    }

    private static double factors(ModelConfig model, int rank) {
        double outputs = 0;
        for (TargetModule module : model.modules()) {
            outputs += module.outputs(model);
        }
        return inputs(model, rank) + model.layers() * rank * outputs;
    }

    private static double inputs(ModelConfig model, int rank) {
        double inputs = 0;
        for (TargetModule module : model.modules()) {
            inputs += module.inputs(model);
        }
        return model.layers() * rank * inputs;
    }
}
