package io.tandem.scheduler.slo;

import java.util.Arrays;

/**
 * How much longer than predicted iterations take when they take long: a high quantile of duration over prediction
 * among the latest ones. A plan that is predicted to take the target over this factor keeps the target about as often
 * as the quantile says, whether the device is noisy or the model wrong.
 */
final class ErrorMargin {
    /** More than the nine in ten that are to be held, because the quantile is itself an estimate. */
    private static final double QUANTILE = 0.93;

    private static final int REMEMBERED = 256;
    /** Until so many are known, the greatest caution. */
    private static final int LEAST_OBSERVATIONS = 20;

    private static final double INITIAL = 1.5;
    private static final double MOST = 2;

    private final double[] ratios = new double[REMEMBERED];
    private long observations;
    private double factor = INITIAL;

    void observe(double durationOverPrediction) {
        ratios[(int) (observations++ % REMEMBERED)] = durationOverPrediction;
        int known = (int) Math.min(observations, REMEMBERED);
        if (known >= LEAST_OBSERVATIONS) {
            double[] sorted = Arrays.copyOf(ratios, known);
            Arrays.sort(sorted);
            factor = Math.min(MOST, Math.max(1, sorted[(int) (QUANTILE * known)]));
        }
    }

    /** 1 or more. */
    double factor() {
        return factor;
    }
}
