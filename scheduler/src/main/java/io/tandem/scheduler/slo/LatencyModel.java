package io.tandem.scheduler.slo;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/**
 * Predicts the duration of an iteration as a sum of non-negative costs, learned online from what iterations took.
 *
 * <p>Ridge regression on exponentially forgotten observations, each weighted by the inverse of its duration so that the
 * relative error counts. The ridge pulls towards what was believed before, not towards zero: a cost that is no longer
 * observed, because there is no traffic for an hour or no job for a day, keeps its last value, and one that was never
 * observed a cautious prior. Costs that come out negative are set to zero and the others solved again, because a plan
 * must not become cheaper by doing more.
 *
 * <p>A device reads all weights however few rows there are, so the first rows of an iteration are nearly free. The
 * model has a kink there ({@link CostKind#COMPUTED_ROW}); a straight line would promise too much time for single rows
 * and too little for many.
 */
public final class LatencyModel {
    private static final CostKind[] KINDS = CostKind.values();
    private static final double FORGETTING = 0.99;
    private static final double RIDGE = 1e-3;
    /** A pause of the machine must not look like a cost, nor the compilation of kernels for a new shape. */
    private static final double OUTLIER_FACTOR = 1.5;

    private static final int OUTLIER_FREE_OBSERVATIONS = 30;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final double MILLIS_PER_SECOND = 1e3;

    private final int freeRows;
    private final int size = KINDS.length;
    private final double[][] gram = new double[size][size];
    private final double[] target = new double[size];
    private double[] costs = ones();
    private long observations;
    private double meanError;

    /** @param freeRows where the kink is: rows that the device computes in the time of one; 0 makes a straight line */
    public LatencyModel(int freeRows) {
        this.freeRows = freeRows;
    }

    /** Rows that cost no more than one. */
    public int freeRows() {
        return freeRows;
    }

    private double[] ones() {
        double[] ones = new double[size];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Features in units of their prior cost, so that all coefficients are expected near 1. */
    private double[] scaled(IterationFeatures features) {
        double[] values = new double[size];
        for (int i = 0; i < size; i++) {
            values[i] = features.amount(KINDS[i], freeRows) * KINDS[i].priorMillis;
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

    public LatencyReport report() {
        Map<CostKind, Double> seconds = new EnumMap<>(CostKind.class);
        for (int i = 0; i < size; i++) {
            seconds.put(KINDS[i], costs[i] * KINDS[i].priorMillis / MILLIS_PER_SECOND);
        }
        return new LatencyReport(meanError, seconds);
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

    /** Solves (G + ridge) w = t + ridge * before by Gauss elimination; the matrix is positive definite. */
    private double[] solve(boolean[] dropped) {
        double[][] m = new double[size][size + 1];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                m[i][j] = dropped[i] || dropped[j] ? 0 : gram[i][j];
            }
            m[i][i] += RIDGE;
            m[i][size] = dropped[i] ? 0 : target[i] + RIDGE * costs[i];
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
