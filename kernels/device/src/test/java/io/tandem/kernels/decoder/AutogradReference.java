package io.tandem.kernels.decoder;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.jni.IValueUtils;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import io.tandem.kernels.weights.WeightNames;
import io.tandem.kernels.weights.WeightNames.NormPlace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Loss and gradient of whole sequences by libtorch's autograd. */
final class AutogradReference implements AutoCloseable {
    /** @param gradient laid out like the adapter */
    record Result(double loss, Adapter gradient) {}

    private final TensorScope scope = TensorScope.root();
    private final ScriptModule module =
            ScriptModule.load("__torch__.reference.autograd.Autograd", List.of("__torch__/reference/autograd.py"));
    private final ModelConfig model;
    private final Map<String, float[]> weights;
    private final Dtype dtype;

    AutogradReference(ModelConfig model, Map<String, float[]> weights) {
        this(model, weights, Dtype.FLOAT32);
    }

    /** @param dtype of weights, factors and activations */
    AutogradReference(ModelConfig model, Map<String, float[]> weights, Dtype dtype) {
        this.model = model;
        this.weights = weights;
        this.dtype = dtype;
    }

    /** The sums over a pack's sequences. */
    Result run(TrainingPack pack, Adapter adapter) {
        return pack.sequences().stream()
                .map(sequence -> run(sequence, adapter))
                .reduce(AutogradReference::sum)
                .orElseThrow();
    }

    private static Result sum(Result left, Result right) {
        SortedMap<Site, Change> modules = new TreeMap<>();
        left.gradient().modules().forEach((site, one) -> {
            List<Parameter> other = right.gradient().modules().get(site).parameters();
            List<float[]> sums = new ArrayList<>();
            for (int i = 0; i < other.size(); i++) {
                sums.add(sum(one.parameters().get(i).values(), other.get(i).values()));
            }
            modules.put(site, one.with(sums));
        });
        Optional<Prefix> prefix = left.gradient()
                .prefix()
                .map(one -> one.with(sum(
                        one.parameter().values(),
                        right.gradient().prefix().orElseThrow().parameter().values())));
        SortedMap<FullModule, Parameter> full = new TreeMap<>();
        left.gradient().full().forEach((module, one) -> {
            Parameter other = Objects.requireNonNull(right.gradient().full().get(module));
            full.put(module, with(one, sum(one.values(), other.values())));
        });
        return new Result(
                left.loss() + right.loss(),
                left.gradient().with(modules, prefix).withFull(full));
    }

    private static float[] sum(float[] left, float[] right) {
        float[] sum = left.clone();
        for (int i = 0; i < sum.length; i++) {
            sum[i] += right[i];
        }
        return sum;
    }

    Result run(TrainingPack.Sequence sequence, Adapter adapter) {
        int length = sequence.tokens().length;
        int positions = adapter.virtualTokens() - adapter.virtualRows() + length;
        RopeTable rope = RopeTable.of(model.rotaries().get(0), positions);
        float[] sin = new float[rope.sin().length];
        for (int i = 0; i < sin.length; i++) {
            boolean firstHalf = i % model.headDim() < model.headDim() / 2;
            sin[i] = firstHalf ? -rope.sin()[i] : rope.sin()[i];
        }
        float[] base = base();
        float[] factors = factors(adapter);
        try (TensorScope call = scope.open()) {
            NDList inputs = new NDList(
                    call.tensor(longs(sequence.tokens()), length),
                    call.tensor(longs(sequence.labels()), length),
                    call.tensor(rope.cos(), positions, model.headDim()),
                    call.tensor(sin, positions, model.headDim()),
                    call.tensor(base, base.length),
                    call.tensor(factors, factors.length),
                    call.tensor(numbers(adapter, actsFrom(sequence)), 18 + 20L * model.layers()),
                    call.tensor(reals(adapter), 1 + 9L * model.layers()));
            try (NDList outputs = IValueUtils.forward(module.block(), inputs, true)) {
                float[] values = outputs.get(0).toFloatArray();
                return new Result(values[0], read(values, adapter));
            }
        }
    }

    /** The first token that the last of the adapters acts on. */
    private static int actsFrom(TrainingPack.Sequence sequence) {
        int[] from = sequence.actsFrom();
        return from.length == 0 ? 0 : Math.min(from[from.length - 1], sequence.tokens().length);
    }

    private long[] numbers(Adapter adapter, int actsFrom) {
        List<Integer> numbers = new ArrayList<>(List.of(
                model.layers(),
                model.hidden(),
                model.heads(),
                model.kvHeads(),
                model.headDim(),
                model.ffn(),
                model.vocab(),
                model.biases().qkv() ? 1 : 0,
                model.biases().output() ? 1 : 0,
                model.biases().mlp() ? 1 : 0,
                model.norms().queryKey() != Norms.QueryKey.NONE ? 1 : 0,
                model.tiedEmbeddings() ? 1 : 0,
                dtype.code()));
        for (Site site : sites()) {
            Change module = adapter.modules().get(site);
            numbers.add(rank(module));
        }
        for (Site site : sites()) {
            numbers.add(kind(adapter.modules().get(site)));
        }
        numbers.add(adapter.prefix()
                .filter(Prompt.class::isInstance)
                .map(Prefix::tokens)
                .orElse(0));
        numbers.add(adapter.prefix()
                .filter(KeysAndValues.class::isInstance)
                .map(Prefix::tokens)
                .orElse(0));
        numbers.add(actsFrom);
        for (Site site : Site.blocks(model)) {
            if (adapter.modules().get(site) instanceof Bottleneck own) {
                numbers.add(own.width());
                numbers.add(own.kind().input().code());
                numbers.add(own.kind().function().code());
            } else {
                numbers.addAll(List.of(0, 0, 0));
            }
        }
        for (FullModule module : FullModule.values()) {
            numbers.add(adapter.full().containsKey(module) ? 1 : 0);
        }
        return numbers.stream().mapToLong(i -> i).toArray();
    }

    private static int rank(@Nullable Change change) {
        if (change instanceof SparseFactors own) {
            return own.change().rank();
        }
        return change instanceof QuantizedFactors own ? own.factors().rank() : change == null ? 0 : change.rank();
    }

    /** Of the change of a module, as in {@code autograd.py}. */
    private static int kind(@Nullable Change change) {
        if (change instanceof Scale scale) {
            return scale.side() == Scale.Side.OUTPUT ? 1 : 2;
        }
        if (change instanceof Core core) {
            return core.shape() == Core.Shape.FULL ? 4 : 5;
        }
        if (change instanceof QuantizedFactors own) {
            return 1000 * own.bits() + own.groupSize();
        }
        if (change instanceof SparseFactors own) {
            return -1 - own.pruned();
        }
        return change instanceof Dora ? 3 : change instanceof BiasedFactors ? 6 : 0;
    }

    private float[] reals(Adapter adapter) {
        List<Double> reals = new ArrayList<>(List.of(model.norms().epsilon()));
        for (Site site : sites()) {
            Change module = adapter.modules().get(site);
            reals.add(
                    module instanceof QuantizedFactors own
                            ? own.scaling()
                            : module == null
                                    ? 0
                                    : module.lowRank().map(LowRank::scaling).orElse(0.0));
        }
        for (Site site : Site.blocks(model)) {
            reals.add(
                    adapter.modules().get(site) instanceof Bottleneck own
                            ? own.kind().scaling()
                            : 0.0);
        }
        float[] values = new float[reals.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = reals.get(i).floatValue();
        }
        return values;
    }

    private List<Site> sites() {
        List<Site> sites = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            for (TargetModule module : model.modules()) {
                sites.add(new Site(layer, module));
            }
        }
        return sites;
    }

    private float[] base() {
        List<float[]> parts = new ArrayList<>();
        parts.add(weights.get(WeightNames.EMBEDDING));
        for (int layer = 0; layer < model.layers(); layer++) {
            parts.add(weights.get(name(layer, NormPlace.ATTENTION)));
            for (TargetModule module : model.modules()) {
                parts.add(weights.get(WeightNames.weight(layer, module)));
                if (WeightNames.hasBias(model, module)) {
                    parts.add(weights.get(WeightNames.bias(layer, module)));
                }
                if (module == TargetModule.V_PROJ && model.norms().queryKey() != Norms.QueryKey.NONE) {
                    parts.add(weights.get(name(layer, NormPlace.QUERIES)));
                    parts.add(weights.get(name(layer, NormPlace.KEYS)));
                }
                if (module == TargetModule.O_PROJ) {
                    parts.add(weights.get(name(layer, NormPlace.MLP)));
                }
            }
        }
        parts.add(weights.get(WeightNames.FINAL_NORM));
        if (!model.tiedEmbeddings()) {
            parts.add(weights.get(WeightNames.HEAD));
        }
        return concat(parts);
    }

    private String name(int layer, NormPlace place) {
        return Objects.requireNonNull(WeightNames.norms(model, layer).get(place));
    }

    private float[] factors(Adapter adapter) {
        Stream<Parameter> ofModules =
                adapter.modules().values().stream().flatMap(change -> change.parameters().stream());
        Stream<Parameter> virtual = adapter.prefix().map(Prefix::parameter).stream();
        return concat(Stream.of(ofModules, virtual, adapter.full().values().stream())
                .flatMap(parameters -> parameters)
                .map(Parameter::values)
                .toList());
    }

    private static Adapter read(float[] values, Adapter like) {
        SortedMap<Site, Change> modules = new TreeMap<>();
        int at = 1;
        for (Map.Entry<Site, Change> entry : like.modules().entrySet()) {
            List<float[]> own = new ArrayList<>();
            for (Parameter parameter : entry.getValue().parameters()) {
                own.add(Arrays.copyOfRange(values, at, at + parameter.values().length));
                at += parameter.values().length;
            }
            modules.put(entry.getKey(), entry.getValue().with(own));
        }
        int from = at;
        int virtual = like.prefix().map(own -> (int) own.numbers()).orElse(0);
        Optional<Prefix> prefix = like.prefix().map(old -> old.with(Arrays.copyOfRange(values, from, from + virtual)));
        at += virtual;
        SortedMap<FullModule, Parameter> full = new TreeMap<>();
        for (Map.Entry<FullModule, Parameter> entry : like.full().entrySet()) {
            int end = at + entry.getValue().values().length;
            full.put(entry.getKey(), with(entry.getValue(), Arrays.copyOfRange(values, at, end)));
            at = end;
        }
        return like.with(modules, prefix).withFull(full);
    }

    private static Parameter with(Parameter like, float[] values) {
        return new Parameter(like.name(), like.rows(), like.columns(), values);
    }

    private static float[] concat(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private static long[] longs(int[] values) {
        return Arrays.stream(values).asLongStream().toArray();
    }

    @Override
    public void close() {
        scope.close();
    }
}
