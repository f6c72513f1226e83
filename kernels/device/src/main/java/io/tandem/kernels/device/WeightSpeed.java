package io.tandem.kernels.device;

import io.tandem.kernels.device.DeviceProfile.Trial;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How fast this machine multiplies the weights of a layer in one form.
 *
 * @param few microseconds of one product for each number of {@link #rows}, by the kernel for few rows
 * @param many the same by the one for many; another one for quantized weights, which are widened there
 */
public record WeightSpeed(List<Double> few, List<Double> many) {
    /** Outputs and inputs of the weight that is multiplied: the joined gate and up projections of a 135M model. */
    public static final int OUTPUTS = 3072;

    public static final int INPUTS = 576;

    private static final int[] ROWS = {1, 8, 32, 128, 512};

    public WeightSpeed {
        few = List.copyOf(few);
        many = List.copyOf(many);
    }

    /** Rows of the products: decoding at batch 1, 8 and 32, and chunks of prompts or training windows. */
    public static List<Integer> rows() {
        return IntStream.of(ROWS).boxed().toList();
    }

    /**
     * Measures a form that works; takes some tenths of a second.
     *
     * @param threads of one product
     */
    public static WeightSpeed measure(Trial trial, int threads) {
        return WeightTrial.use(threads, trials -> {
            List<Double> few = trials.microseconds(trial, Integer.MAX_VALUE, ROWS);
            return new WeightSpeed(few, trial.form().isQuantized() ? trials.microseconds(trial, 0, ROWS) : few);
        });
    }

    /** By the faster of both kernels. */
    public List<Double> best() {
        return fastest(few, many);
    }

    /** The lesser time for each number of rows. */
    static List<Double> fastest(List<Double> one, List<Double> other) {
        return IntStream.range(0, one.size())
                .mapToObj(i -> Math.min(one.get(i), other.get(i)))
                .toList();
    }

    /** What products cost over all numbers of rows, each as important as the next: the geometric mean. */
    static double overall(List<Double> microseconds) {
        return Math.exp(microseconds.stream().mapToDouble(Math::log).average().orElseThrow());
    }

    /**
     * The largest power of two up to which one kernel is at least as fast as another, 0 if it never is. Powers of two
     * because the times are never the same twice, and the choice should be.
     */
    static int rowsUpToWhich(List<Double> one, List<Double> other) {
        double before = Math.log(one.get(0) / other.get(0));
        if (before > 0) {
            return 0;
        }
        for (int i = 1; i < ROWS.length; i++) {
            double ratio = Math.log(one.get(i) / other.get(i));
            if (ratio > 0) {
                double between = before / (before - ratio);
                return Integer.highestOneBit((int) (ROWS[i - 1] * Math.pow((double) ROWS[i] / ROWS[i - 1], between)));
            }
            before = ratio;
        }
        return ROWS[ROWS.length - 1];
    }

    static float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (i % 7 - 3) / 8f;
        }
        return values;
    }
}
