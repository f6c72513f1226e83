package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.decoder.DecoderScript.Factors;
import io.tandem.kernels.decoder.DecoderScript.Gradients;
import io.tandem.kernels.decoder.DecoderScript.OptimizerObject;
import io.tandem.kernels.decoder.DecoderScript.Range;
import io.tandem.kernels.decoder.DecoderScript.Regions;
import io.tandem.kernels.decoder.DecoderScript.Rule;
import io.tandem.kernels.decoder.DecoderScript.StepObject;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.OptimizerLayout.Region;
import io.tandem.kernels.decoder.OptimizerLayout.StateTensor;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** What updates a vector of factors: its object in {@code optim/optimizer.py}, and the names of its state. */
final class Optimizer {
    private final DecoderScript script;
    private final TensorScope scope;
    private final Lanes lanes;
    private final OptimizerConfig config;
    private final OptimizerLayout layout;
    private final OptimizerObject value;
    private int steps;

    /**
     * @param scope owns the state
     * @param lanes share a step
     * @param weights the vector, [numbers] float32; lives as long as this
     * @param factors in the order of the vector
     */
    Optimizer(
            DecoderScript script,
            TensorScope scope,
            Lanes lanes,
            OptimizerConfig config,
            Factors weights,
            List<Factor> factors) {
        this.script = script;
        this.scope = scope;
        this.lanes = lanes;
        this.config = config;
        this.layout = OptimizerLayout.of(factors, config);
        double[] settings = {config.beta1(), config.beta2(), config.epsilon(), config.weightDecay()};
        double[] rates = layout.regions().stream().mapToDouble(Region::rate).toArray();
        value = script.newOptimizer(
                scope,
                new Rule(config.method().name().toLowerCase(Locale.ROOT), settings),
                weights,
                new Regions(places(), rates, sizes()));
    }

    private long[] places() {
        return layout.regions().stream()
                .flatMapToLong(region -> LongStream.of(
                        region.start(), region.length(), region.at(), region.quantized() ? region.block() : -1))
                .toArray();
    }

    private long[] sizes() {
        return layout.tensors().stream()
                .flatMapToLong(
                        tensor -> LongStream.of(tensor.length(), tensor.type().getNumOfBytes()))
                .toArray();
    }

    /**
     * Updates the weights from gradients [lanes, numbers] * scale, and clears the gradients. What it does to a
     * number does not depend on how many lanes share it. Reads nothing from the device: if the gradient is not finite,
     * which only the result says, nothing is updated.
     *
     * @return its result has the norm of the scaled gradient before clipping, for {@link #count}
     */
    StepObject step(TensorScope owner, Gradients gradients, double learningRate, double scale) {
        int regions = layout.regions().size();
        lanes.share(regions, (from, to) -> gather(gradients, from, to));
        StepObject step = script.beginStep(owner, value, scale, config.maxGradientNorm(), learningRate, steps + 1);
        lanes.share(regions, (from, to) -> update(gradients, step, from, to));
        return step;
    }

    /** Counts the last step if it updated something. */
    void count(double norm) {
        if (Double.isFinite(norm)) {
            steps++;
        }
    }

    private void gather(Gradients gradients, int from, int to) {
        try (TensorScope call = scope.open()) {
            script.gatherGradients(call, value, gradients, new Range(from, to));
        }
    }

    private void update(Gradients gradients, StepObject step, int from, int to) {
        try (TensorScope call = scope.open()) {
            script.optimizerStep(call, value, gradients, step, new Range(from, to));
        }
    }

    OptimizerObject value() {
        return value;
    }

    OptimizerState state() {
        SortedMap<String, byte[]> tensors = new TreeMap<>();
        try (TensorScope call = scope.open()) {
            PtNDArray[] state = script.optimizerState(call, value);
            for (int i = 0; i < state.length; i++) {
                tensors.put(layout.tensors().get(i).name(), TensorScope.bytes(state[i]));
            }
            return new OptimizerState(steps, tensors);
        }
    }

    /** @throws IllegalArgumentException if the state is not one of this method and these factors */
    void restore(OptimizerState state) {
        check(state);
        try (TensorScope call = scope.open()) {
            List<PtNDArray> tensors = layout.tensors().stream()
                    .map(tensor -> call.tensor(ByteBuffer.wrap(bytes(state, tensor)), tensor.type(), tensor.length()))
                    .toList();
            script.restoreOptimizer(call, value, tensors);
        }
        steps = state.steps();
    }

    private void check(OptimizerState state) {
        List<String> names =
                layout.tensors().stream().map(StateTensor::name).sorted().collect(Collectors.toList());
        if (!List.copyOf(state.tensors().keySet()).equals(names)) {
            throw new IllegalArgumentException(
                    "the optimizer's state has " + state.tensors().keySet() + ", " + config.method() + " has " + names);
        }
        if (state.steps() < 0) {
            throw new IllegalArgumentException("the optimizer's state has made " + state.steps() + " steps");
        }
        for (StateTensor tensor : layout.tensors()) {
            int found = bytes(state, tensor).length;
            if (found != tensor.bytes()) {
                throw new IllegalArgumentException(
                        "the optimizer's " + tensor.name() + " has " + found + " bytes, expected " + tensor.bytes());
            }
        }
    }

    private static byte[] bytes(OptimizerState state, StateTensor tensor) {
        return Objects.requireNonNull(state.tensors().get(tensor.name()));
    }

    long stateBytes() {
        return layout.stateBytes();
    }
}
