package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.NormOps_DDRM;

/**
 * Makes the new factors of one module. Where the method is a sum they are the old ones beside each other, exactly; where
 * it is not, the dense result is approximated.
 */
final class ModuleMerge {
    private final MergeSpec spec;
    private final Combination combination;

    ModuleMerge(MergeSpec spec, Combination combination) {
        this.spec = spec;
        this.combination = combination;
    }

    MergedModule merge(Site site, List<Contribution> contributions) {
        if (spec.form() == MergeForm.FACTORS) {
            return factorwise(site, contributions);
        }
        return spec.method().prunes() || spec.method().electsSigns() ? dense(site, contributions) : sum(contributions);
    }

    private MergedModule factorwise(Site site, List<Contribution> contributions) {
        List<Integer> ranks =
                contributions.stream().map(c -> c.factors().rank()).distinct().toList();
        if (ranks.size() > 1) {
            throw new IllegalArgumentException(site + " has the ranks " + ranks
                    + ", the form 'factors' needs equal ones; the form 'product' does not");
        }
        List<Tensors> stacks = Tensors.of(MergeForm.FACTORS, site, contributions);
        Combination.Combined a = combination.combine(stacks.get(0));
        Combination.Combined b = combination.combine(stacks.get(1));
        LowRank old = contributions.get(0).factors();
        LowRank factors = new LowRank(
                old.rank(), old.inputs(), old.outputs(), Product.narrowed(a.values()), Product.narrowed(b.values()), 1);
        return new MergedModule(factors, a.loss().plus(b.loss()));
    }

    private MergedModule dense(Site site, List<Contribution> contributions) {
        Tensors changes = Tensors.of(MergeForm.PRODUCT, site, contributions).get(0);
        Combination.Combined combined = combination.combine(changes);
        LowRank old = contributions.get(0).factors();
        DMatrixRMaj matrix = DMatrixRMaj.wrap(old.outputs(), old.inputs(), combined.values());
        int maxRank = maxRank(contributions);
        Product projected = RangeFinder.project(matrix, maxRank, changes.key());
        double norm = NormOps_DDRM.fastNormF(matrix);
        MergedModule merged = new SingularValues(projected)
                .truncated(maxRank, spec.truncation().maxError(), norm * norm);
        return new MergedModule(merged.factors(), combined.loss().plus(merged.loss()));
    }

    private MergedModule sum(List<Contribution> contributions) {
        int maxRank = maxRank(contributions);
        int rank = sumOfRanks(contributions);
        if (rank > maxRank || spec.truncation().maxError() > 0) {
            SingularValues values = new SingularValues(Product.sum(contributions));
            return values.truncated(maxRank, spec.truncation().maxError(), values.squares());
        }
        return new MergedModule(
                contributions.size() == 1
                        ? scaled(contributions.get(0))
                        : Product.sum(contributions).toLowRank(),
                Loss.NONE);
    }

    /** The factors as they are, without a rounding; the weight goes to the scaling. */
    private static LowRank scaled(Contribution only) {
        LowRank f = only.factors();
        return only.weight() == 1
                ? f
                : new LowRank(f.rank(), f.inputs(), f.outputs(), f.a(), f.b(), only.coefficient());
    }

    /** No more than what is asked for, what the method holds, and what a matrix of this shape can have. */
    private int maxRank(List<Contribution> contributions) {
        int byMethod = spec.method().truncates()
                ? contributions.stream().mapToInt(c -> c.factors().rank()).max().orElseThrow()
                : sumOfRanks(contributions);
        LowRank first = contributions.get(0).factors();
        int possible = Math.min(first.inputs(), first.outputs());
        return Math.min(possible, spec.truncation().maxRank().orElse(byMethod));
    }

    private static int sumOfRanks(List<Contribution> contributions) {
        return contributions.stream().mapToInt(c -> c.factors().rank()).sum();
    }
}
