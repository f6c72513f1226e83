package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * The same tensor of several adapters. Who combines them may overwrite the values. An adapter that is not here counts
 * as zero.
 *
 * @param key tells tensors apart, for random draws
 * @param adapters places of the adapters in the merge's list
 * @param values one flat tensor per adapter
 * @param weights one per adapter
 */
record Tensors(long key, int[] adapters, double[][] values, double[] weights) {
    int length() {
        return values[0].length;
    }

    int count() {
        return values.length;
    }

    /** What a module's contributions are combined as: one stack of changes, or the stacks of A and of B. */
    static List<Tensors> of(MergeForm form, Site site, List<Contribution> contributions) {
        long key = 2L * site.toString().hashCode();
        return switch (form) {
            case PRODUCT -> List.of(stack(key, contributions, Tensors::change, Contribution::weight));
            case FACTORS ->
                List.of(
                        stack(
                                key,
                                contributions,
                                c -> Product.widened(c.factors().a()),
                                Tensors::signedRoot),
                        stack(
                                key + 1,
                                contributions,
                                c -> Product.widened(c.factors().b()),
                                Tensors::root));
        };
    }

    /** Entries of one adapter in all stacks of a module. */
    static long entries(MergeForm form, LowRank factors) {
        return switch (form) {
            case PRODUCT -> (long) factors.outputs() * factors.inputs();
            case FACTORS -> (long) factors.a().length + factors.b().length;
        };
    }

    private static Tensors stack(
            long key,
            List<Contribution> contributions,
            Function<Contribution, double[]> values,
            ToDoubleFunction<Contribution> weight) {
        return new Tensors(
                key,
                contributions.stream().mapToInt(Contribution::adapter).toArray(),
                contributions.stream().map(values).toArray(double[][]::new),
                contributions.stream().mapToDouble(weight).toArray());
    }

    private static double[] change(Contribution contribution) {
        return Product.sum(List.of(contribution.unweighted())).dense();
    }

    private static double root(Contribution contribution) {
        return Math.sqrt(Math.abs(contribution.coefficient()));
    }

    private static double signedRoot(Contribution contribution) {
        return Math.signum(contribution.coefficient()) * root(contribution);
    }
}
