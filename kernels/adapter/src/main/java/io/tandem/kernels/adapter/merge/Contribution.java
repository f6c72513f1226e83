package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.LowRank;

/**
 * What one adapter brings to one module.
 *
 * @param adapter its place in the merge's list
 * @param factors its change of the module
 * @param weight of the change in the sum, not 0
 */
record Contribution(int adapter, LowRank factors, double weight) {
    /** Factor on the product of the factors. */
    double coefficient() {
        return weight * factors.scaling();
    }

    /** The change as the adapter makes it. */
    Contribution unweighted() {
        return new Contribution(adapter, factors, 1);
    }
}
