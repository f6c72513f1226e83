package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Makes one adapter of several. Ranks, scalings and changed modules may differ; a module that only some adapters change
 * counts as zero for the others.
 *
 * <p>Modules are merged in parallel in the fork-join pool that the caller runs in, the common one by default. Who must
 * leave cores to others calls from a small pool of its own.
 */
public final class Merge {
    private final MergeSpec spec;

    private Merge(MergeSpec spec) {
        this.spec = spec;
    }

    public static Merge of(MergeSpec spec) {
        return new Merge(spec);
    }

    /**
     * Merges; the adapters stay as they are, and the result may share their arrays.
     *
     * @throws IllegalArgumentException if the adapters do not fit together or the specification does not fit them
     */
    public Merged apply(List<Adapter> adapters) {
        check(adapters);
        SortedMap<Site, List<Contribution>> contributions = contributions(adapters);
        if (contributions.isEmpty()) {
            throw new IllegalArgumentException("the adapters change no module, there is nothing to merge");
        }
        ModuleMerge merge = new ModuleMerge(spec, combination(contributions));
        Map<Site, MergedModule> merged = contributions.entrySet().parallelStream()
                .collect(Collectors.toConcurrentMap(
                        Map.Entry::getKey, entry -> merge.merge(entry.getKey(), entry.getValue())));
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        merged.forEach((site, module) -> modules.put(site, module.factors()));
        return new Merged(
                new Adapter(config(adapters, modules), modules), MergeReport.of(spec.method(), new TreeMap<>(merged)));
    }

    private void check(List<Adapter> adapters) {
        if (adapters.isEmpty()) {
            throw new IllegalArgumentException("no adapters are given, expected at least one");
        }
        if (!spec.weights().isEmpty() && spec.weights().size() != adapters.size()) {
            throw new IllegalArgumentException("weights has " + spec.weights().size() + " numbers for "
                    + adapters.size() + " adapters, expected one each");
        }
        spec.layerSwap().ifPresent(swap -> {
            if (adapters.size() != 2) {
                throw new IllegalArgumentException(
                        "layer_swap is given " + adapters.size() + " adapters, expected two");
            }
            for (Adapter adapter : adapters) {
                adapter.factors().keySet().stream()
                        .filter(site -> site.layer() >= swap.layers())
                        .findFirst()
                        .ifPresent(site -> {
                            throw new IllegalArgumentException(
                                    site + " is changed, layer_swap is told of " + swap.layers() + " layers");
                        });
            }
        });
    }

    private SortedMap<Site, List<Contribution>> contributions(List<Adapter> adapters) {
        SortedMap<Site, List<Contribution>> contributions = new TreeMap<>();
        for (int i = 0; i < adapters.size(); i++) {
            for (var module : adapters.get(i).factors().entrySet()) {
                Site site = module.getKey();
                double weight = weight(i, site);
                if (weight != 0) {
                    List<Contribution> others = contributions.computeIfAbsent(site, key -> new ArrayList<>());
                    others.add(new Contribution(i, module.getValue(), weight));
                    checkFactors(site, others.get(0).factors(), module.getValue());
                }
            }
        }
        return contributions;
    }

    private double weight(int adapter, Site site) {
        return spec.weight(adapter)
                * spec.layerSwap()
                        .map(swap -> swap.share(adapter, site.layer()))
                        .orElse(1.0);
    }

    private static void checkFactors(Site site, LowRank first, LowRank factors) {
        if (factors.inputs() != first.inputs() || factors.outputs() != first.outputs()) {
            throw new IllegalArgumentException(site + " is [" + factors.outputs() + ", " + factors.inputs()
                    + "] in one adapter and [" + first.outputs() + ", " + first.inputs()
                    + "] in another; they are not for the same model");
        }
        if (!finite(factors.a()) || !finite(factors.b()) || !Double.isFinite(factors.scaling())) {
            throw new IllegalArgumentException(site + " has values that are not finite numbers");
        }
    }

    private static boolean finite(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return true;
    }

    private Combination combination(SortedMap<Site, List<Contribution>> contributions) {
        return spec.method().pruning() == Pruning.COMPETITION
                ? Competition.among(spec, contributions)
                : new TrimAndElect(spec);
    }

    /** An adapter that went through unchanged keeps its configuration; otherwise scalings are folded in. */
    private static LoraConfig config(List<Adapter> adapters, SortedMap<Site, LowRank> modules) {
        for (Adapter adapter : adapters) {
            if (adapter.factors().equals(modules)) {
                return adapter.lora();
            }
        }
        int rank = modules.values().stream().mapToInt(LowRank::rank).max().orElseThrow();
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        modules.keySet().forEach(site -> targets.add(site.module()));
        String baseModel = adapters.stream()
                .map(adapter -> adapter.config().baseModel())
                .filter(name -> !name.isEmpty())
                .findFirst()
                .orElse("");
        return new LoraConfig(rank, rank, false, targets, baseModel);
    }
}
