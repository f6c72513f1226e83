package io.tandem.loadtest.simulation;

import java.util.random.RandomGenerator;

/**
 * A distribution of lengths with many short and few very long ones.
 *
 * @param mean of the lengths
 * @param sigma standard deviation of their logarithms
 */
public record LogNormal(double mean, double sigma) {

    /** The length that half of all do not reach. */
    public double median() {
        return mean / Math.exp(sigma * sigma / 2);
    }

    /** @return at least 1 */
    public int draw(RandomGenerator random) {
        return (int) Math.max(1, Math.round(median() * Math.exp(sigma * random.nextGaussian())));
    }
}
