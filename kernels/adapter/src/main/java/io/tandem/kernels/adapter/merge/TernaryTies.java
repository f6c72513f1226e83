package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import io.tandem.kernels.adapter.compeft.TernaryTensor;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * TIES-Merging (Yadav et al., 2023) of ternary adapters, factor by factor. It is what {@link MergeMethod#TIES} in the form
 * {@link MergeForm#FACTORS} does with the decoded adapters, but goes over the entries that are not zero: no more than one
 * factor of the result is ever dense. Nothing is trimmed, because compression has done that.
 *
 * <p>As in PEFT the sign of the sum before the weights is elected, plus if the sum is zero. The weight q of a module's
 * product, which has the adapter's scaling inside, goes to A as {@code sign(q) sqrt(|q|)} and to B as {@code sqrt(|q|)};
 * what agrees is averaged over the adapters that agree.
 */
public final class TernaryTies {
    /** A module of one adapter, and the weight of its product. */
    private record Part(TernaryLowRank module, double coefficient) {
        double root() {
            return Math.sqrt(Math.abs(coefficient));
        }

        double signedRoot() {
            return Math.signum(coefficient) * root();
        }
    }

    /** A factor of one adapter, and its weight. */
    private record Factor(TernaryTensor tensor, double weight) {
        double value(int entry) {
            return tensor.negative().get(entry) ? -tensor.scale() : tensor.scale();
        }
    }

    private TernaryTies() {}

    /**
     * Merges adapters to one of scaling 1. A module that some of them do not change is merged from the others; an adapter
     * of weight 0 takes no part.
     *
     * @param weights of the adapters, in their order
     * @return what the report calls pruned are the entries that compression has set to zero
     * @throws IllegalArgumentException if no adapter takes part, a weight is missing or not finite, or the adapters differ
     *     in the rank or the shape of a module
     */
    public static Merged merge(List<TernaryAdapter> adapters, double[] weights) {
        if (adapters.isEmpty() || adapters.size() != weights.length) {
            throw new IllegalArgumentException(weights.length + " weights for " + adapters.size()
                    + " adapters, expected one for each of at least 1");
        }
        SortedMap<Site, List<Part>> parts = new TreeMap<>();
        for (int i = 0; i < weights.length; i++) {
            double weight = weights[i];
            if (!Double.isFinite(weight)) {
                throw new IllegalArgumentException("a weight is " + weight + ", expected a finite number");
            }
            if (weight != 0) {
                adapters.get(i)
                        .modules()
                        .forEach((site, module) -> parts.computeIfAbsent(site, key -> new ArrayList<>())
                                .add(new Part(module, weight * module.scaling())));
            }
        }
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("the adapters change no module, there is nothing to merge");
        }
        SortedMap<Site, MergedModule> merged = new TreeMap<>();
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        parts.forEach((site, same) -> {
            MergedModule module = merge(site, same);
            merged.put(site, module);
            modules.put(site, module.factors());
            targets.add(site.module());
        });
        LoraConfig first = adapters.get(0).config();
        LoraConfig config = new LoraConfig(first.rank(), first.rank(), false, targets, first.baseModel());
        return new Merged(new Adapter(config, modules), MergeReport.of(MergeMethod.TIES, merged));
    }

    private static MergedModule merge(Site site, List<Part> parts) {
        TernaryLowRank first = parts.get(0).module();
        for (Part part : parts) {
            TernaryLowRank module = part.module();
            if (module.rank() != first.rank()
                    || module.inputs() != first.inputs()
                    || module.outputs() != first.outputs()) {
                throw new IllegalArgumentException(site + " is " + shape(module) + " and " + shape(first)
                        + ", expected the same rank and shape in all adapters");
            }
        }
        Combination.Combined a = elect(parts, part -> new Factor(part.module().a(), part.signedRoot()));
        Combination.Combined b = elect(parts, part -> new Factor(part.module().b(), part.root()));
        LowRank factors = new LowRank(
                first.rank(),
                first.inputs(),
                first.outputs(),
                Product.narrowed(a.values()),
                Product.narrowed(b.values()),
                1);
        return new MergedModule(factors, a.loss().plus(b.loss()));
    }

    private static String shape(TernaryLowRank module) {
        return "[" + module.outputs() + ", " + module.rank() + "] [" + module.rank() + ", " + module.inputs() + "]";
    }

    private static Combination.Combined elect(List<Part> parts, Function<Part, Factor> which) {
        List<Factor> factors = parts.stream().map(which).toList();
        int length = factors.get(0).tensor().length();
        double[] votes = new double[length];
        long kept = 0;
        for (Factor factor : factors) {
            int[] positions = factor.tensor().positions();
            for (int entry = 0; entry < positions.length; entry++) {
                votes[positions[entry]] += factor.value(entry);
            }
            kept += positions.length;
        }
        double[] result = new double[length];
        int[] agreeing = new int[length];
        BitSet against = new BitSet(length);
        for (Factor factor : factors) {
            int[] positions = factor.tensor().positions();
            for (int entry = 0; entry < positions.length; entry++) {
                int position = positions[entry];
                double value = factor.value(entry);
                if (value * (votes[position] >= 0 ? 1 : -1) > 0) {
                    result[position] += factor.weight() * value;
                    agreeing[position]++;
                } else if (value != 0) {
                    against.set(position);
                }
            }
        }
        long disagreeing = 0;
        for (int position = 0; position < length; position++) {
            result[position] /= Math.max(1, agreeing[position]);
            disagreeing += against.get(position) && agreeing[position] > 0 ? 1 : 0;
        }
        long entries = (long) factors.size() * length;
        return new Combination.Combined(result, new Loss(entries - kept, entries, disagreeing, length, 0, 0));
    }
}
