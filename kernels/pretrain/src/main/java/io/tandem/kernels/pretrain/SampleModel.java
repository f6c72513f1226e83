package io.tandem.kernels.pretrain;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;

/** Weights and optimizer state on the device, and the three things done with them. */
final class SampleModel implements AutoCloseable {
    /** What one optimizer step reports. */
    record Step(float loss, float gradientNorm) {}

    /** Weights, and AdamW's first and second moments: all that a run needs to go on. */
    record State(float[] weights, float[] first, float[] second) {}

    private static final String PATH = "__torch__/tandem/pretrain/";
    private static final float DECAY = 0.1f;
    private static final float BETA1 = 0.9f;
    private static final float BETA2 = 0.95f;
    private static final float CLIP = 1f;

    private final Shape shape;
    private final TensorScope scope = TensorScope.root();
    private final ScriptModule module;
    private final PtNDArray weights;
    private final PtNDArray first;
    private final PtNDArray second;
    private final PtNDArray sizes;

    SampleModel(Shape shape, State state) {
        this.shape = shape;
        module = ScriptModule.load(
                "__torch__.tandem.pretrain.trainer.Trainer", List.of(PATH + "llama.py", PATH + "trainer.py"));
        weights = scope.tensor(state.weights(), state.weights().length);
        first = scope.tensor(state.first(), state.first().length);
        second = scope.tensor(state.second(), state.second().length);
        sizes = scope.tensor(shape.numbers(), shape.numbers().length);
    }

    /** Random weights: a normal distribution, narrower where a layer writes to the residual stream. */
    static State initial(Shape shape, long seed) {
        float[] weights = new float[shape.parameters()];
        Draw draw = new Draw(seed);
        for (WeightMap.Entry entry : WeightMap.of(shape)) {
            double deviation = entry.residualOutput() ? 0.02 / Math.sqrt(2.0 * shape.layers()) : 0.02;
            for (int i = 0; i < entry.count(); i++) {
                weights[entry.offset() + i] = entry.rows() == 0 ? 1 : (float) (deviation * draw.gaussian());
            }
        }
        return fresh(weights);
    }

    /** Weights that no step has changed yet. */
    static State fresh(float[] weights) {
        return new State(weights, new float[weights.length], new float[weights.length]);
    }

    static State frozen(float[] weights) {
        return new State(weights, new float[0], new float[0]);
    }

    State state() {
        return new State(weights.toFloatArray(), first.toFloatArray(), second.toFloatArray());
    }

    /**
     * Learns from one batch.
     *
     * @param ids [rows, length + 1], row by row
     * @param step counts from one
     */
    Step train(long[] ids, int rows, double rate, int step) {
        float[] hyper = {(float) rate, DECAY, BETA1, BETA2, step, CLIP, (float) Shape.THETA, shape.matrices()};
        try (TensorScope call = scope.open()) {
            NDList inputs =
                    new NDList(batch(call, ids, rows), weights, first, second, sizes, call.tensor(hyper, hyper.length));
            try (NDList results = IValueUtils.forward(module.block(), inputs, true)) {
                float[] values = results.get(0).toFloatArray();
                return new Step(values[0], values[1]);
            }
        }
    }

    /** Sum of the next-token losses of ids [rows, length + 1], in nats. */
    double lossSum(long[] ids, int rows) {
        try (TensorScope call = scope.open()) {
            IValue result = module.call(
                    call,
                    "loss_sum",
                    call.value(batch(call, ids, rows)),
                    call.value(weights),
                    call.numbers(shape.numbers()),
                    call.number(Shape.THETA));
            return call.tensor(result).toFloatArray()[0];
        }
    }

    /** Greedy answers of up to {@code count} tokens, written behind each prompt in ids [lengths.length, width]. */
    long[] generate(long[] ids, long[] lengths, int count) {
        long[] stops = {BpeTokenizer.special(Corpus.END), BpeTokenizer.special(Corpus.END_OF_TEXT)};
        try (TensorScope call = scope.open()) {
            IValue result = module.call(
                    call,
                    "generate",
                    call.value(batch(call, ids, lengths.length)),
                    call.value(call.tensor(lengths, lengths.length)),
                    call.number(count),
                    call.value(call.tensor(stops, stops.length)),
                    call.value(weights),
                    call.numbers(shape.numbers()),
                    call.number(Shape.THETA));
            return call.longs(result);
        }
    }

    private static PtNDArray batch(TensorScope scope, long[] ids, int rows) {
        return scope.tensor(ids, rows, ids.length / rows);
    }

    @Override
    public void close() {
        scope.close();
    }
}
