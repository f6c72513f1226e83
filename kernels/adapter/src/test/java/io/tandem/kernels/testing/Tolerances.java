package io.tandem.kernels.testing;

import java.util.Locale;

/**
 * The one table of how far results may be from those of the reference. A value passes if it is off by no more than
 * {@code absolute + relative * |expected|}; a share of outliers may be off by ten times that, because a rounding near a
 * tie shifts single values of low-precision results far.
 */
public enum Tolerances {
    /** Conversions and copies. */
    EXACT(0, 0, 0),
    /** Sums in double precision, another order. */
    FLOAT64(1e-9, 1e-9, 0),
    /** One operation in float32. */
    FLOAT32(1e-5, 1e-5, 0),
    /** Weights after some optimizer steps in float32; a square root near zero loses half the digits. */
    FLOAT32_WEIGHTS(2e-6, 1e-5, 0),
    /**
     * Weights after some optimizer steps with states in 8 bits, those not counted whose code was rounded to its neighbour:
     * float32 may see the other side of a middle.
     */
    EIGHT_BIT_STATE_WEIGHTS(1e-5, 1e-5, 2e-3),
    /** Logits of a whole model in float32. */
    FLOAT32_LOGITS(1e-4, 1e-4, 0),
    /** Gradients of a whole model in float32, against automatic differentiation. */
    FLOAT32_GRADIENT(2e-4, 1e-3, 0),
    /**
     * Weights after some steps of AdamW on gradients in float32. A step is as long where the gradient is near zero, and
     * there rounding may choose its direction: one random model had one weight of 3,616 that was off by 4.6e-4.
     */
    TRAINED_WEIGHTS(2e-4, 1e-3, 0.001),
    /**
     * Weights after some steps of AdamW on gradients from activations in 8 bits. A code near a tie may become its neighbour,
     * and where a gradient is near zero, a step then goes the other way.
     */
    INT8_STASH_WEIGHTS(2e-4, 1e-3, 0.002),
    /** Gradients against central differences in double precision. */
    DIFFERENCES(1e-6, 1e-4, 0),
    /** Logits of a whole model in bfloat16; its mantissa has 8 bits. */
    BFLOAT16_LOGITS(1e-1, 1e-1, 0.05);

    private static final double OUTLIER_FACTOR = 10;

    private final double absolute;
    private final double relative;
    private final double outliers;

    Tolerances(double absolute, double relative, double outliers) {
        this.absolute = absolute;
        this.relative = relative;
        this.outliers = outliers;
    }

    public double absolute() {
        return absolute;
    }

    public double relative() {
        return relative;
    }

    /** The share of values that may be further off. */
    public double outliers() {
        return outliers;
    }

    /** Compares; the failure names the tensor, the worst place and both values. */
    public void check(String name, float[] expected, float[] actual) {
        check(name, widened(expected), widened(actual));
    }

    /** Compares; the failure names the tensor, the worst place and both values. */
    public void check(String name, double[] expected, double[] actual) {
        if (expected.length != actual.length) {
            throw new AssertionError(name + " has " + actual.length + " values, expected " + expected.length);
        }
        int worst = -1;
        double worstExcess = 1;
        int beyond = 0;
        for (int i = 0; i < expected.length; i++) {
            double excess = excess(expected[i], actual[i]);
            beyond += excess > 1 ? 1 : 0;
            if (excess > worstExcess) {
                worst = i;
                worstExcess = excess;
            }
        }
        if (beyond > outliers * expected.length || worstExcess > OUTLIER_FACTOR) {
            throw new AssertionError(String.format(
                    Locale.ROOT,
                    "%s: %d of %d values beyond %s, worst at %d: %s, expected %s",
                    name,
                    beyond,
                    expected.length,
                    this,
                    worst,
                    actual[worst],
                    expected[worst]));
        }
    }

    /** Difference in units of what is allowed; NaN never passes. */
    private double excess(double expected, double actual) {
        if (Double.compare(expected, actual) == 0 || expected == actual) {
            return 0;
        }
        double excess = Math.abs(expected - actual) / (absolute + relative * Math.abs(expected));
        return Double.isNaN(excess) ? Double.POSITIVE_INFINITY : excess;
    }

    private static double[] widened(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }
}
