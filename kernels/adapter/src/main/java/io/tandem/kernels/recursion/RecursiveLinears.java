package io.tandem.kernels.recursion;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.method.Weight;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.WeightNames;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The linears of a layer of the block, and the factors by which the layers that share them differ: the largest singular values of
 * what is left, {@code W - W' = U S V^T}, with {@code B = U sqrt(S)} and {@code A = sqrt(S) V^T}, so that both are alike in size.
 * Weights are read when they are written, one at a time.
 */
final class RecursiveLinears {
    private final Checkpoint base;
    private final ModelConfig model;
    private final SharedWeights start;
    private final Consumer<Site> progress;
    /** The factors that were made last: both are written one after the other. */
    private @Nullable Site last;

    private @Nullable LowRank made;
    private double squares;
    private double left;

    /**
     * @param model what the new one will be
     * @param progress told of the linears whose factors are made
     */
    RecursiveLinears(Checkpoint base, ModelConfig model, SharedWeights start, Consumer<Site> progress) {
        this.base = base;
        this.model = model;
        this.start = start;
        this.progress = progress;
    }

    /** All tensors of a layer of the block, by name. */
    Map<String, Tensor> tensors(int block) {
        Map<String, Tensor> tensors = new TreeMap<>();
        for (JoinedLinear joined : model.linears()) {
            for (TargetModule module : joined.modules()) {
                int expert = joined.expert();
                long[] shape = {module.outputs(model), module.inputs(model)};
                String name = WeightNames.weight(block, module, expert);
                tensors.put(name, new Tensor(type(base, name), shape, () -> shared(block, module, expert)));
                for (int layer = block; layer < model.layers(); layer += model.blockLayers()) {
                    if (differs(layer)) {
                        add(tensors, new Site(layer, module, expert), type(base, name));
                    }
                }
            }
        }
        return tensors;
    }

    /** How many linears get factors. */
    long count() {
        long each = model.linears().stream()
                .mapToLong(linear -> linear.modules().size())
                .sum();
        long layers = IntStream.range(0, model.layers()).filter(this::differs).count();
        return each * layers;
    }

    /** Of the square of what layers differ by from the shared weights, the part that the factors made so far lack. */
    double lost() {
        return squares == 0 ? 0 : left / squares;
    }

    /** The type in which a file has a tensor of another file's type. */
    static StoredType type(Checkpoint base, String name) {
        StoredType type = base.entry(name).dtype();
        return type == StoredType.BF16 || type == StoredType.F16 ? type : StoredType.F32;
    }

    private boolean differs(int layer) {
        List<Integer> sources = start.sources(model.block(layer), model.blockLayers(), model.layers());
        boolean rankless = model.recursion().orElseThrow().rank() == 0;
        return !rankless && !sources.equals(List.of(layer));
    }

    private void add(Map<String, Tensor> tensors, Site site, StoredType type) {
        int rank = model.recursion().orElseThrow().rank(model, site.module());
        tensors.put(
                WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_A),
                new Tensor(
                        type,
                        new long[] {rank, site.module().inputs(model)},
                        () -> factors(site).a()));
        tensors.put(
                WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_B),
                new Tensor(
                        type,
                        new long[] {site.module().outputs(model), rank},
                        () -> factors(site).b()));
    }

    private float[] shared(int block, TargetModule module, int expert) {
        List<Integer> sources = start.sources(block, model.blockLayers(), model.layers());
        StoredType type = type(base, WeightNames.weight(block, module, expert));
        return SharedWeights.mean(sources, layer -> base.floats(WeightNames.weight(layer, module, expert)), type);
    }

    private LowRank factors(Site site) {
        LowRank known = made;
        if (known != null && site.equals(last)) {
            return known;
        }
        TargetModule module = site.module();
        float[] residual = base.floats(WeightNames.weight(site.layer(), module, site.expert()));
        float[] common = shared(model.block(site.layer()), module, site.expert());
        for (int i = 0; i < residual.length; i++) {
            residual[i] -= common[i];
        }
        int rank = model.recursion().orElseThrow().rank(model, module);
        Weight weight = new Weight(module.outputs(model), module.inputs(model), residual);
        Weight.Truncated truncated = weight.truncated(rank, site.hashCode());
        squares += truncated.squares();
        left += truncated.left();
        last = site;
        made = truncated.factors();
        progress.accept(site);
        return truncated.factors();
    }
}
