package io.tandem.scheduler.slo;

import java.util.Arrays;

/**
 * Predicts the duration of an iteration as a sum of non-negative costs, learned online from what iterations took.
 *
 * <p>Ridge regression on exponentially forgotten observations, each weighted by the inverse of its duration so that the
 * relative error counts; what has not been observed stays at a cautious prior. Costs that come out negative are set to
 * zero and the others solved again, because a plan must not become cheaper by doing more.
 */
public final class LatencyModel {
    /** Milliseconds per unit of each feature before anything is known: pessimistic for small models. */
    private static final double[] PRIOR_MILLIS = {1, 1, 0.1, 1e-4, 0.1, 1e-4, 0.2, 0.1, 0.5};

    private static final double FORGETTING = 0.99;
    private static final double RIDGE = 1e-3;
    /** A pause of the machine must not look like a cost. */
    private static final double OUTLIER_FACTOR = 3;

    private static final int OUTLIER_FREE_OBSERVATIONS = 30;
    private static final double NANOS_PER_MILLI = 1e6;

    private final int size = PRIOR_MILLIS.length;
    private final double[][] gram = new double[size][size];
    private final double[] target = new double[size];
    private double[] costs = ones();
    private long observations;
    private double meanError;

    private double[] ones() {
        double[] ones = new double[size];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Features in units of their prior cost, so that all coefficients are expected near 1. */
    private double[] scaled(IterationFeatures features) {
        double[] values = features.values();
        for (int i = 0; i < size; i++) {
            values[i] *= PRIOR_MILLIS[i];
        }
        return values;
    }

    public long predictNanos(IterationFeatures features) {
        double[] x = scaled(features);
        double millis = 0;
        for (int i = 0; i < size; i++) {
            millis += x[i] * costs[i];
        }
        return (long) (millis * NANOS_PER_MILLI);
    }

    /** Learns from an iteration that took so long. */
    public void observe(IterationFeatures features, long nanos) {
        double predicted = Math.max(1, predictNanos(features));
        double seen = Math.max(1, nanos);
        double error = Math.abs(seen - predicted) / seen;
        meanError = observations == 0 ? error : 0.95 * meanError + 0.05 * error;
        if (observations++ > OUTLIER_FREE_OBSERVATIONS) {
            seen = Math.min(seen, OUTLIER_FACTOR * predicted);
        }
        double millis = seen / NANOS_PER_MILLI;
        double[] x = scaled(features);
        for (int i = 0; i < size; i++) {
            x[i] /= millis;
        }
        for (int i = 0; i < size; i++) {
            target[i] = FORGETTING * target[i] + x[i];
            for (int j = 0; j < size; j++) {
                gram[i][j] = FORGETTING * gram[i][j] + x[i] * x[j];
            }
        }
        costs = solveNonNegative();
    }

    /** Running mean of the relative error of predictions. */
    public double meanRelativeError() {
        return meanError;
    }

    private double[] solveNonNegative() {
        boolean[] dropped = new boolean[size];
        for (int round = 0; round < size; round++) {
            double[] solution = solve(dropped);
            int worst = -1;
            for (int i = 0; i < size; i++) {
                if (solution[i] < 0 && (worst < 0 || solution[i] < solution[worst])) {
                    worst = i;
                }
            }
            if (worst < 0) {
                return solution;
            }
            dropped[worst] = true;
        }
        return new double[size];
    }

    /** Solves (G + ridge) w = t + ridge by Gauss elimination; the matrix is positive definite. */
    private double[] solve(boolean[] dropped) {
        double[][] m = new double[size][size + 1];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                m[i][j] = dropped[i] || dropped[j] ? 0 : gram[i][j];
            }
            m[i][i] += RIDGE;
            m[i][size] = dropped[i] ? 0 : target[i] + RIDGE;
        }
        for (int pivot = 0; pivot < size; pivot++) {
            for (int row = pivot + 1; row < size; row++) {
                double factor = m[row][pivot] / m[pivot][pivot];
                for (int column = pivot; column <= size; column++) {
                    m[row][column] -= factor * m[pivot][column];
                }
            }
        }
        double[] solution = new double[size];
        for (int row = size - 1; row >= 0; row--) {
            double sum = m[row][size];
            for (int column = row + 1; column < size; column++) {
                sum -= m[row][column] * solution[column];
            }
            solution[row] = sum / m[row][row];
        }
        return solution;
    }
}
