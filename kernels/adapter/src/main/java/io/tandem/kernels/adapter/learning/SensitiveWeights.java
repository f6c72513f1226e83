package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Change;

/**
 * The weights of a module with the largest gradients in one mini-batch.
 *
 * @param places of the weights, row by row, those with larger gradients first
 * @param shares the square of each gradient, as a share of the sum of all squares of the module's weight
 */
public record SensitiveWeights(int[] places, float[] shares) {
    /** SPT's alpha (He et al., 2023, in its scripts). */
    private static final int NUMBERS_PER_WEIGHT = 10;

    public SensitiveWeights {
        if (places.length != shares.length) {
            throw new IllegalArgumentException(shares.length + " shares of " + places.length + " weights");
        }
    }

    /** How many of a module with such factors are looked at: with as many that are sensitive, factors are worth their numbers. */
    public static int most(Change factors) {
        long weights = (long) factors.inputs() * factors.outputs();
        return (int) Math.max(1, Math.min(weights, factors.numbers() / NUMBERS_PER_WEIGHT));
    }
}
