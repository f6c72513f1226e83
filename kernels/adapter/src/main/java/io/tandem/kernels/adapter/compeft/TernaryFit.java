package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;

/** The ternary form of one module while it is sought. Both factors have the same scale. */
final class TernaryFit {
    private final LowRank module;
    private final TernaryFactor a;
    private final TernaryFactor b;

    TernaryFit(LowRank module) {
        this.module = module;
        this.a = TernaryFactor.ofA(module.rank(), module.inputs(), module.a());
        this.b = TernaryFactor.ofB(module.rank(), module.outputs(), module.b());
    }

    /** Keeps the given share of each factor. */
    void keepLargest(double density) {
        a.keepLargest(count(a, density));
        b.keepLargest(count(b, density));
    }

    private static int count(TernaryFactor factor, double density) {
        return Math.max(1, (int) (factor.length() * density));
    }

    /** One pass over all signs; an entry stays if it takes more than the penalty off the product's squared error. */
    void sweep(double penalty) {
        double square = module.scaling() * module.scaling();
        double own = square == 0 ? Double.POSITIVE_INFINITY : penalty / square;
        b.descend(a, productScale(), own);
        a.descend(b, productScale(), own);
    }

    int kept() {
        return a.kept() + b.kept();
    }

    int length() {
        return a.length() + b.length();
    }

    /** The squared Frobenius norm of the product. */
    double energy() {
        return module.scaling() * module.scaling() * dot(a.valuesByValues(), b.valuesByValues());
    }

    /** The standard deviation that both factors have once they are balanced. */
    double deviation() {
        return Math.sqrt(a.standardDeviation() * b.standardDeviation());
    }

    /** The factors' scale with which the product's squared error is least. */
    double bestScale() {
        return Math.sqrt(productScale());
    }

    private double productScale() {
        double norm = dot(a.signsBySigns(), b.signsBySigns());
        return norm == 0 ? 0 : Math.max(0, dot(a.signsByValues(), b.signsByValues()) / norm);
    }

    TernaryLowRank result(double scale) {
        return new TernaryLowRank(
                module.rank(),
                module.inputs(),
                module.outputs(),
                a.toA((float) scale),
                b.toB((float) scale),
                module.scaling());
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }
}
