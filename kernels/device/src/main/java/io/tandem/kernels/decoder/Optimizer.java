package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.decoder.OptimizerArguments.Range;
import io.tandem.kernels.decoder.OptimizerArguments.Regions;
import io.tandem.kernels.decoder.OptimizerArguments.Rule;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.OptimizerLayout.Region;
import io.tandem.kernels.decoder.OptimizerLayout.StateTensor;
import io.tandem.kernels.decoder.ScriptObjects.Factors;
import io.tandem.kernels.decoder.ScriptObjects.Gradients;
import io.tandem.kernels.decoder.ScriptObjects.OptimizerObject;
import io.tandem.kernels.decoder.ScriptObjects.StepObject;
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
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** What updates a vector of factors: its object in {@code optim/optimizer.py}, and the names of its state. */
final class Optimizer {
    /** Beside the state tensors: int32 for each clock. */
    private static final String CLOCKS = "clocks";
    /** Fewer would spend their time on calls. */
    private static final int REGIONS_AT_ONCE = 8;

    private final DecoderScript script;
    private final TensorScope scope;
    private final OptimizerConfig config;
    private final OptimizerLayout layout;
    private final OptimizerObject value;
    private int steps;
    /** Of each clock, the steps in which it ran. */
    private final int[] clocks;

    private IntPredicate running = clock -> true;

    /**
     * @param scope owns the state
     * @param weights the vector, [numbers] float32; lives as long as this
     * @param factors in the order of the vector
     */
    Optimizer(DecoderScript script, TensorScope scope, OptimizerConfig config, Factors weights, List<Factor> factors) {
        this.script = script;
        this.scope = scope;
        this.config = config;
        this.layout = OptimizerLayout.of(factors, config);
        clocks = new int
                [1 + layout.regions().stream().mapToInt(Region::clock).max().orElse(0)];
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
     * Adds to the work what updates the weights from gradients [lanes, numbers] * scale, and clears the gradients. What it
     * does to a number does not depend on how many lanes share it, nor on where the work is left. Reads nothing from the
     * device: if the gradient is not finite, which only the result says, nothing is updated.
     *
     * @param owner open until the work is done
     * @param updated gets what has the norm of the scaled gradient before clipping, for {@link #count}
     */
    void step(
            Piecework work,
            TensorScope owner,
            Gradients gradients,
            double learningRate,
            double scale,
            Consumer<StepObject> updated) {
        int regions = layout.regions().size();
        long[] counts = layout.regions().stream()
                .mapToLong(region -> running.test(region.clock()) ? clocks[region.clock()] + 1 : 0)
                .toArray();
        script.countSteps(owner, value, counts);
        work.add(regions, REGIONS_AT_ONCE, (from, to) -> gather(gradients, from, to));
        work.add(() -> {
            StepObject step = script.beginStep(owner, value, scale, config.maxGradientNorm(), learningRate);
            work.add(regions, REGIONS_AT_ONCE, (from, to) -> update(gradients, step, from, to));
            work.add(() -> updated.accept(step));
        });
    }

    /** Counts the last step if it updated something. */
    void count(double norm) {
        if (Double.isFinite(norm)) {
            steps++;
            for (int clock = 0; clock < clocks.length; clock++) {
                clocks[clock] += running.test(clock) ? 1 : 0;
            }
        }
    }

    /** Which clocks run from here on. What stands still learns nothing, and what is remembered of it stays as it is. */
    void run(IntPredicate clocks) {
        running = clocks;
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
            if (hasClocks()) {
                ByteBuffer counts =
                        ByteBuffer.allocate(clocks.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                counts.asIntBuffer().put(clocks);
                tensors.put(CLOCKS, counts.array());
            }
            return new OptimizerState(steps, tensors);
        }
    }

    /** @throws IllegalArgumentException if the state is not one of this method and these factors */
    void restore(OptimizerState state) {
        check(state);
        try (TensorScope call = scope.open()) {
            List<PtNDArray> tensors = layout.tensors().stream()
                    .map(tensor ->
                            call.tensor(ByteBuffer.wrap(bytes(state, tensor.name())), tensor.type(), tensor.length()))
                    .toList();
            script.restoreOptimizer(call, value, tensors);
        }
        steps = state.steps();
        if (hasClocks()) {
            counts(state).get(clocks);
        } else {
            Arrays.fill(clocks, steps);
        }
    }

    /** Whether not all of it learns in every step. */
    private boolean hasClocks() {
        return config.layered() || clocks.length > 1;
    }

    private static IntBuffer counts(OptimizerState state) {
        return ByteBuffer.wrap(bytes(state, CLOCKS))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer();
    }

    private void check(OptimizerState state) {
        List<String> names = Stream.concat(
                        layout.tensors().stream().map(StateTensor::name),
                        hasClocks() ? Stream.of(CLOCKS) : Stream.empty())
                .sorted()
                .toList();
        if (!List.copyOf(state.tensors().keySet()).equals(names)) {
            throw new IllegalArgumentException(
                    "the optimizer's state has " + state.tensors().keySet() + ", " + config.method() + " has " + names);
        }
        if (state.steps() < 0) {
            throw new IllegalArgumentException("the optimizer's state has made " + state.steps() + " steps");
        }
        if (hasClocks()) {
            requireBytes(state, CLOCKS, (long) clocks.length * Integer.BYTES);
        }
        for (StateTensor tensor : layout.tensors()) {
            requireBytes(state, tensor.name(), tensor.bytes());
        }
    }

    private static void requireBytes(OptimizerState state, String name, long expected) {
        int found = bytes(state, name).length;
        if (found != expected) {
            throw new IllegalArgumentException(
                    "the optimizer's " + name + " has " + found + " bytes, expected " + expected);
        }
    }

    private static byte[] bytes(OptimizerState state, String name) {
        return Objects.requireNonNull(state.tensors().get(name));
    }

    long stateBytes() {
        return layout.stateBytes();
    }
}
