package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.TargetModule;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * TIES-Merging (Yadav et al., 2023) of ternary adapters, factor by factor and entry by entry. Compression has trimmed
 * them already. Apart from the result no more than one factor is ever dense.
 *
 * <p>An adapter of weight w has the weight {@code q = w * scaling} on a module's product; A is multiplied by
 * {@code sign(q) sqrt(|q|)} and B by {@code sqrt(|q|)}, as PEFT does. At each position the sign of the sum is elected
 * and the numbers of that sign are joined. Where the sum is zero the sign is that of most elected positions of the
 * factor, or plus.
 */
public final class TernaryTies {
    /** How the numbers of the elected sign are joined. */
    public enum Join {
        /** Their mean: TIES' disjoint mean. */
        MEAN,
        SUM
    }

    private final Join join;

    private TernaryTies(Join join) {
        this.join = join;
    }

    /**
     * Merges adapters to one of scaling 1. A module that some of them do not change is merged from the others.
     *
     * @param weights of the adapters, in their order
     * @throws IllegalArgumentException if there is no adapter, a weight is missing or not finite, or the adapters differ
     *     in the rank or the shape of a module
     */
    public static Adapter merge(List<TernaryAdapter> adapters, double[] weights, Join join) {
        if (adapters.isEmpty() || adapters.size() != weights.length) {
            throw new IllegalArgumentException(weights.length + " weights for " + adapters.size()
                    + " adapters, expected one for each of at least 1");
        }
        for (double weight : weights) {
            if (!Double.isFinite(weight)) {
                throw new IllegalArgumentException("a weight is " + weight + ", expected a finite number");
            }
        }
        Set<Site> sites = new TreeSet<>();
        adapters.forEach(adapter -> sites.addAll(adapter.modules().keySet()));
        SortedMap<Site, LowRank> merged = new TreeMap<>();
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        for (Site site : sites) {
            merged.put(site, new TernaryTies(join).merge(site, adapters, weights));
            targets.add(site.module());
        }
        LoraConfig first = adapters.get(0).config();
        return new Adapter(new LoraConfig(first.rank(), first.rank(), false, targets, first.baseModel()), merged);
    }

    private LowRank merge(Site site, List<TernaryAdapter> adapters, double[] weights) {
        List<TernaryLowRank> modules = new ArrayList<>();
        List<Double> products = new ArrayList<>();
        for (int i = 0; i < weights.length; i++) {
            TernaryLowRank module = adapters.get(i).modules().get(site);
            if (module != null) {
                modules.add(module);
                products.add(weights[i] * module.scaling());
            }
        }
        TernaryLowRank first = modules.get(0);
        for (TernaryLowRank module : modules) {
            if (module.rank() != first.rank()
                    || module.inputs() != first.inputs()
                    || module.outputs() != first.outputs()) {
                throw new IllegalArgumentException(site + " is " + shape(module) + " and " + shape(first)
                        + ", expected the same rank and shape in all adapters");
            }
        }
        float[] a = factor(modules, TernaryLowRank::a, products, product -> Math.signum(product) * root(product));
        float[] b = factor(modules, TernaryLowRank::b, products, TernaryTies::root);
        return new LowRank(first.rank(), first.inputs(), first.outputs(), a, b, 1);
    }

    private static double root(double product) {
        return Math.sqrt(Math.abs(product));
    }

    private static String shape(TernaryLowRank module) {
        return "[" + module.outputs() + ", " + module.rank() + "] [" + module.rank() + ", " + module.inputs() + "]";
    }

    private float[] factor(
            List<TernaryLowRank> modules,
            Function<TernaryLowRank, TernaryTensor> tensor,
            List<Double> products,
            Function<Double, Double> weight) {
        List<TernaryTensor> tensors = modules.stream().map(tensor).toList();
        double[] scales = new double[tensors.size()];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = weight.apply(products.get(i)) * tensors.get(i).scale();
        }
        byte[] elected = elect(tensors, scales);
        double[] sum = new double[elected.length];
        int[] count = new int[elected.length];
        for (int i = 0; i < scales.length; i++) {
            TernaryTensor voter = tensors.get(i);
            for (int entry = 0; entry < voter.positions().length; entry++) {
                double value = voter.negative().get(entry) ? -scales[i] : scales[i];
                int position = voter.positions()[entry];
                if (Math.signum(value) == elected[position]) {
                    sum[position] += value;
                    count[position]++;
                }
            }
        }
        float[] joined = new float[sum.length];
        for (int i = 0; i < joined.length; i++) {
            joined[i] = (float) (join == Join.MEAN ? sum[i] / Math.max(1, count[i]) : sum[i]);
        }
        return joined;
    }

    /** The sign of each position, 1 or -1. */
    private static byte[] elect(List<TernaryTensor> tensors, double[] scales) {
        double[] mass = new double[tensors.get(0).length()];
        for (int i = 0; i < scales.length; i++) {
            TernaryTensor voter = tensors.get(i);
            for (int entry = 0; entry < voter.positions().length; entry++) {
                mass[voter.positions()[entry]] += voter.negative().get(entry) ? -scales[i] : scales[i];
            }
        }
        long majority = 0;
        for (double sum : mass) {
            majority += (long) Math.signum(sum);
        }
        byte[] signs = new byte[mass.length];
        for (int i = 0; i < signs.length; i++) {
            signs[i] = (byte) (mass[i] != 0 ? Math.signum(mass[i]) : majority < 0 ? -1 : 1);
        }
        return signs;
    }
}
