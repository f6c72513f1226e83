package io.tandem.kernels.adapter;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How a bottleneck adapter was configured when it was made; {@code BnConfig} of the library {@code adapters} as far as it
 * applies.
 *
 * @param width of the bottlenecks of layers without a width of their own
 * @param targets the blocks of every layer that have one, {@link TargetModule#ATTENTION} or {@link TargetModule#MLP}
 * @param without layers that have none after all
 * @param layers of a job, those that have one; all if empty
 * @param baseModel may be empty
 */
public record BottleneckConfig(
        int width, Kind kind, Set<TargetModule> targets, Set<Integer> without, Set<Integer> layers, String baseModel)
        implements AdapterConfig {
    public BottleneckConfig {
        without = Set.copyOf(without);
        layers = Set.copyOf(layers);
        targets = Set.copyOf(targets);
        if (targets.isEmpty() || targets.stream().anyMatch(TargetModule::isLinear)) {
            throw new IllegalArgumentException("bottlenecks are of blocks, not of " + targets);
        }
    }

    public BottleneckConfig(int width, Kind kind, Set<TargetModule> targets, String baseModel) {
        this(width, kind, targets, Set.of(), Set.of(), baseModel);
    }

    /** That of an adapter: the layers that have none are named. */
    public BottleneckConfig of(ModelConfig model) {
        Set<Integer> none = IntStream.range(0, model.layers())
                .filter(layer -> without.contains(layer) || !adapts(layer))
                .boxed()
                .collect(Collectors.toSet());
        return new BottleneckConfig(width, kind, targets, none, Set.of(), baseModel);
    }

    /** The same without these layers' bottlenecks. */
    BottleneckConfig leavingOut(Set<Integer> layers) {
        Set<Integer> all = new TreeSet<>(without);
        all.addAll(layers);
        return new BottleneckConfig(width, kind, targets, all, this.layers, baseModel);
    }

    /** Attention and MLP. */
    public static Set<TargetModule> blocks() {
        return EnumSet.of(TargetModule.ATTENTION, TargetModule.MLP);
    }

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public List<TargetModule> modules(ModelConfig model) {
        return targets.stream().sorted().toList();
    }

    @Override
    public List<Site> sites(ModelConfig model) {
        return Site.blocks(model).stream()
                .filter(site ->
                        targets.contains(site.module()) && !without.contains(site.layer()) && adapts(site.layer()))
                .toList();
    }
}
