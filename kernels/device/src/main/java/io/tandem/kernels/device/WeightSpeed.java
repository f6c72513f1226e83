package io.tandem.kernels.device;

import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.tensor.NativeEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How fast this machine multiplies the weights of a layer in one type and form.
 *
 * @param trial which, and whether it works
 * @param bytesPerParameter of the weight
 * @param microseconds of one product for each number of {@link #rows}; empty if the form does not work
 */
public record WeightSpeed(Trial trial, double bytesPerParameter, List<Double> microseconds) {
    /** Outputs and inputs of the weight that is multiplied: the joined gate and up projections of a 135M model. */
    public static final int OUTPUTS = 3072;

    public static final int INPUTS = 576;

    private static final int[] ROWS = {1, 8, 32, 128};

    public WeightSpeed {
        microseconds = List.copyOf(microseconds);
    }

    /** Rows of the products: decoding at batch 1, 8 and 32, and a chunk of a prompt. */
    public static List<Integer> rows() {
        return IntStream.of(ROWS).boxed().toList();
    }

    /**
     * Measures every type and form; takes some seconds.
     *
     * @param threads of one product
     */
    public static List<WeightSpeed> measure(DeviceProfile profile, int threads) {
        return NativeEngine.onPassingThread(() -> {
            NativeEngine.useThreads(threads);
            List<WeightSpeed> speeds = new ArrayList<>();
            try (WeightTrial trials = new WeightTrial()) {
                for (Trial trial : profile.trials()) {
                    double bytes = trial.dtype().quantizesWeights()
                            ? 1 + 2.0 / INPUTS
                            : trial.dtype().bytes();
                    List<Double> microseconds =
                            trial.works() ? trials.microseconds(trial.dtype(), trial.form(), bytes, ROWS) : List.of();
                    speeds.add(new WeightSpeed(trial, bytes, microseconds));
                }
            }
            return speeds;
        });
    }

    static float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (i % 7 - 3) / 8f;
        }
        return values;
    }
}
