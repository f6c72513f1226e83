package io.tandem.loadtest.simulation;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/** Draws ranks from zero, rank k with a probability proportional to (k + 1)^-exponent: a few are asked for all the time. */
public final class Zipf {
    private final double[] cumulative;

    public Zipf(int ranks, double exponent) {
        cumulative = new double[ranks];
        double sum = 0;
        for (int rank = 0; rank < ranks; rank++) {
            sum += Math.pow(rank + 1, -exponent);
            cumulative[rank] = sum;
        }
    }

    public double probability(int rank) {
        double before = rank == 0 ? 0 : cumulative[rank - 1];
        return (cumulative[rank] - before) / cumulative[cumulative.length - 1];
    }

    public int draw(RandomGenerator random) {
        int found = Arrays.binarySearch(cumulative, random.nextDouble() * cumulative[cumulative.length - 1]);
        return found >= 0 ? Math.min(found + 1, cumulative.length - 1) : -found - 1;
    }
}
