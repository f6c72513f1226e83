package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.decoder.DecoderScript.Factors;
import io.tandem.kernels.decoder.DecoderScript.Gradients;
import io.tandem.kernels.decoder.DecoderScript.OptimizerObject;
import io.tandem.kernels.decoder.DecoderScript.StepObject;
import io.tandem.kernels.decoder.OptimizerArguments.Range;
import io.tandem.kernels.decoder.OptimizerArguments.Regions;
import io.tandem.kernels.decoder.OptimizerArguments.Rule;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.OptimizerLayout.Region;
import io.tandem.kernels.decoder.OptimizerLayout.StateTensor;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** What updates a vector of factors: its object in {@code optim/optimizer.py}, and the names of its state. */
final class Optimizer {
    /** Beside the state tensors: int32 for each layer. */
    private static final String LAYER_STEPS = "layer_steps";

    private final DecoderScript script;
    private final TensorScope scope;
    private final Lanes lanes;
    private final OptimizerConfig config;
    private final OptimizerLayout layout;
    private final OptimizerObject value;
    private int steps;
    /** Of each layer, in which it learned; of one that stands for all if the optimizer does not tell them apart. */
    private final int[] layerSteps;

    private IntPredicate learning = layer -> true;

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
        layerSteps = new int
                [1 + layout.regions().stream().mapToInt(Region::layer).max().orElse(0)];
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
        long[] counts = layout.regions().stream()
                .mapToLong(region -> learning.test(region.layer()) ? layerSteps[region.layer()] + 1 : 0)
                .toArray();
        script.countSteps(owner, value, counts);
        lanes.share(regions, (from, to) -> gather(gradients, from, to));
        StepObject step = script.beginStep(owner, value, scale, config.maxGradientNorm(), learningRate);
        lanes.share(regions, (from, to) -> update(gradients, step, from, to));
        return step;
    }

    /** Counts the last step if it updated something. */
    void count(double norm) {
        if (Double.isFinite(norm)) {
            steps++;
            for (int layer = 0; layer < layerSteps.length; layer++) {
                layerSteps[layer] += learning.test(layer) ? 1 : 0;
            }
        }
    }

    /**
     * Which layers learn from here on. What those learn that do not, and what is remembered of it, stays as it is.
     *
     * @throws IllegalArgumentException if the optimizer does not tell layers apart
     */
    void learn(IntPredicate layers) {
        if (!config.layered()) {
            throw new IllegalArgumentException("an optimizer of which all layers learn in every step");
        }
        learning = layers;
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
            if (config.layered()) {
                ByteBuffer counts =
                        ByteBuffer.allocate(layerSteps.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                counts.asIntBuffer().put(layerSteps);
                tensors.put(LAYER_STEPS, counts.array());
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
        if (config.layered()) {
            counts(state).get(layerSteps);
        } else {
            Arrays.fill(layerSteps, steps);
        }
    }

    private static IntBuffer counts(OptimizerState state) {
        byte[] bytes = Objects.requireNonNull(state.tensors().get(LAYER_STEPS));
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    }

    private void check(OptimizerState state) {
        List<String> names = Stream.concat(
                        layout.tensors().stream().map(StateTensor::name),
                        config.layered() ? Stream.of(LAYER_STEPS) : Stream.empty())
                .sorted()
                .toList();
        if (!List.copyOf(state.tensors().keySet()).equals(names)) {
            throw new IllegalArgumentException(
                    "the optimizer's state has " + state.tensors().keySet() + ", " + config.method() + " has " + names);
        }
        if (state.steps() < 0) {
            throw new IllegalArgumentException("the optimizer's state has made " + state.steps() + " steps");
        }
        if (config.layered() && counts(state).remaining() != layerSteps.length) {
            throw new IllegalArgumentException("the optimizer's " + LAYER_STEPS + " has "
                    + counts(state).remaining() + " numbers, expected " + layerSteps.length);
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
