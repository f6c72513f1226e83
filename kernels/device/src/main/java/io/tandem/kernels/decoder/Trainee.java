package io.tandem.kernels.decoder;

import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.decoder.AdapterArguments.Learned;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.AdapterLayout.Placed;
import io.tandem.kernels.decoder.DecoderScript.Factors;
import io.tandem.kernels.decoder.DecoderScript.Gradients;
import io.tandem.kernels.decoder.DecoderScript.Range;
import io.tandem.kernels.decoder.DecoderScript.StepObject;
import io.tandem.kernels.decoder.DecoderScript.TraineeObject;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** An adapter that learns: its object in {@code trainee.py}, and the shape to read it by. */
final class Trainee implements AutoCloseable {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final AdapterLayout layout;
    private final Adapter like;
    private final Optimizer optimizer;
    private final TraineeObject value;
    private final Lanes lanes;
    private final boolean decomposed;
    /** In the order of the device's parts. */
    private final List<Part> factors;

    private int ranks = Integer.MAX_VALUE;

    Trainee(
            DecoderScript script,
            TensorScope scope,
            AdapterSlots adapters,
            int slot,
            PreparedAdapter prepared,
            AdapterLayout layout,
            OptimizerConfig config,
            Lanes lanes) {
        this.script = script;
        this.scope = scope;
        this.adapters = adapters;
        this.layout = layout;
        Adapter initial = prepared.adapter();
        this.like = initial;
        this.lanes = lanes;
        List<Placed> parameters = layout.parameters(initial);
        this.factors = parameters.stream()
                .filter(placed -> placed.is(LowRank.B))
                .map(Placed::part)
                .toList();
        try (TensorScope call = scope.open()) {
            adapters.putFrozen(slot, prepared);
            float[] flat = layout.flatten(initial);
            value = script.newTrainee(
                    scope,
                    adapters.value(),
                    slot,
                    call.tensor(flat, flat.length),
                    lanes.count(),
                    learned(layout, parameters, initial));
            decomposed = script.isDecomposed(call, value);
            Factors weights = script.weights(call, value);
            optimizer = new Optimizer(script, scope, lanes, config, weights, regions(parameters, initial));
        }
        adapters.occupy(slot, initial);
    }

    /** @param parameters the adapter's */
    private static Learned learned(AdapterLayout layout, List<Placed> parameters, Adapter initial) {
        List<long[]> banks = new ArrayList<>();
        List<long[]> parts = new ArrayList<>();
        List<Double> scalings = new ArrayList<>();
        List<long[]> scales = new ArrayList<>();
        List<long[]> magnitudes = new ArrayList<>();
        List<long[]> biases = new ArrayList<>();
        for (int bank = 0; bank < layout.banks(); bank++) {
            banks.add(
                    new long[] {layout.learningRanks(initial, bank), layout.inputs(bank), 0, layout.ranks(initial, bank)
                    });
        }
        for (Placed placed : parameters) {
            Part part = placed.part();
            if (placed.is(LowRank.A) && part.row() == 0) {
                banks.get(part.bank())[2] = placed.start();
            }
            if (placed.is(LowRank.B)) {
                LowRank own = part.change().lowRank().orElseThrow();
                parts.add(new long[] {
                    part.bank(), part.row(), part.change().learning(), part.column(), own.outputs(), placed.start()
                });
                scalings.add(own.scaling());
            }
            // They come right behind their factors.
            if (placed.is(Dora.MAGNITUDE) && part.change() instanceof Dora dora) {
                magnitudes.add(new long[] {parts.size() - 1L, placed.start(), dora.isFresh() ? 1 : 0});
            }
            if (placed.is(BiasedFactors.BIAS)) {
                biases.add(new long[] {parts.size() - 1L, part.frozenRow(), placed.start()});
            }
            if (part.change() instanceof Scale scale) {
                long[] place = AdapterLayout.place(part, scale);
                scales.add(new long[] {place[0], place[1], place[2], placed.length(), placed.start()});
            }
        }
        List<Placed> bottlenecks =
                parameters.stream().filter(placed -> placed.is(Bottleneck.DOWN)).toList();
        return new Learned(
                RowEncoder.flatten(banks),
                RowEncoder.flatten(parts),
                scalings.stream().mapToDouble(s -> s).toArray(),
                RowEncoder.flatten(scales),
                RowEncoder.flatten(magnitudes),
                RowEncoder.flatten(biases),
                virtual(initial),
                prefix(initial),
                AdapterLayout.places(bottlenecks.stream().map(Placed::part).toList()),
                bottlenecks.stream().mapToLong(Placed::start).toArray(),
                bottlenecks.stream().mapToDouble(Trainee::scaling).toArray());
    }

    private static double scaling(Placed placed) {
        return placed.part().change() instanceof Bottleneck own ? own.kind().scaling() : 1;
    }

    private static long[] virtual(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(Prompt.class::isInstance)
                .flatMapToLong(prefix -> LongStream.concat(
                        LongStream.of(prefix.tokens(), prefix.width(), AdapterLayout.prefixStart(adapter)),
                        Arrays.stream(AdapterSlots.tokens(adapter))))
                .toArray();
    }

    private static long[] prefix(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(KeysAndValues.class::isInstance)
                .flatMapToLong(prefix -> LongStream.of(prefix.tokens(), AdapterLayout.prefixStart(adapter)))
                .toArray();
    }

    private static List<Factor> regions(List<Placed> parameters, Adapter adapter) {
        return Stream.concat(
                        parameters.stream().map(Placed::parameter), adapter.prefix().map(Prefix::parameter).stream())
                .map(parameter -> new Factor(parameter.name(), parameter.values().length))
                .toList();
    }

    TraineeObject value() {
        return value;
    }

    double step(double learningRate, double lossScale) {
        try (TensorScope call = scope.open()) {
            if (decomposed) {
                lanes.share(layout.banks(), this::finishGradients);
            }
            Gradients gradients = script.gradients(call, value);
            StepObject step = optimizer.step(call, gradients, learningRate, lossScale);
            lanes.share(layout.banks(), this::publish);
            adapters.changed();
            float[] result = script.stepResult(call, step, script.extremes(call, value));
            optimizer.count(result[0]);
            if (result[1] == 1) {
                return result[0];
            }
            script.clearBroken(call, adapters.value(), value);
            return Double.NaN;
        }
    }

    /** See {@link io.tandem.kernels.DeviceModel#useRanks}. */
    void useRanks(int most) {
        boolean all = factors.stream().allMatch(part -> part.change().learning() <= most);
        int wanted = all ? Integer.MAX_VALUE : most;
        if (wanted == ranks) {
            return;
        }
        long[] used = new long[factors.size()];
        double[] scalings = new double[factors.size()];
        for (int i = 0; i < used.length; i++) {
            Change change = factors.get(i).change();
            LowRank own = change.lowRank().orElseThrow();
            boolean fewer = wanted < change.learning();
            used[i] = fewer ? wanted : change.learning();
            scalings[i] = fewer ? like.lora().scaling(own, wanted) : own.scaling();
        }
        try (TensorScope call = scope.open()) {
            script.useRanks(call, value, used, scalings);
        }
        lanes.share(layout.banks(), this::publish);
        adapters.changed();
        ranks = wanted;
    }

    private void finishGradients(int from, int to) {
        try (TensorScope call = scope.open()) {
            script.finishGradients(call, value, new Range(from, to));
        }
    }

    private void publish(int from, int to) {
        try (TensorScope call = scope.open()) {
            script.publish(call, adapters.value(), value, new Range(from, to));
        }
    }

    Adapter snapshot() {
        try (TensorScope call = scope.open()) {
            return layout.unflatten(
                            script.floats(call, script.weights(call, value).value()), like)
                    .served();
        }
    }

    /** The sum of all lanes'. */
    Adapter gradients() {
        try (TensorScope call = scope.open()) {
            float[] all =
                    script.floats(call, script.finishedGradients(call, value).value());
            float[] sum = new float[all.length / lanes.count()];
            for (int i = 0; i < all.length; i++) {
                sum[i % sum.length] += all[i];
            }
            return layout.unflatten(sum, like);
        }
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /** What belongs to this adapter alone. */
    MemoryPlan memory() {
        return MemoryPlan.trainee(like.parameters(), lanes.count(), optimizer.stateBytes());
    }

    @Override
    public void close() {
        scope.close();
    }
}
