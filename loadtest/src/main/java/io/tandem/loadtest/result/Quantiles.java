package io.tandem.loadtest.result;

import java.util.Arrays;

/**
 * Quantiles of numbers by the nearest rank.
 *
 * @param sorted the numbers, without NaN
 */
public record Quantiles(double[] sorted) {

    public static Quantiles of(double[] values) {
        return new Quantiles(Arrays.stream(values)
                .filter(value -> !Double.isNaN(value))
                .sorted()
                .toArray());
    }

    /** The least number that this share of all does not exceed; NaN if there are none. */
    public double at(double share) {
        int rank = (int) Math.ceil(share * sorted.length);
        return sorted.length == 0 ? Double.NaN : sorted[Math.max(0, rank - 1)];
    }
}
