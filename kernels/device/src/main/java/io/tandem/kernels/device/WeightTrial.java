package io.tandem.kernels.device;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.LinearSources;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A small weight multiplied in one form, forward and backward, by the operators that the decoder uses. Entries are small
 * integers, so that the right result is exact in every form but for quantization.
 */
final class WeightTrial implements AutoCloseable {
    private static final List<String> SOURCES = Stream.concat(
                    LinearSources.FILES.stream(),
                    Stream.of(
                            "__torch__/tandem/ops/rows.py",
                            "__torch__/tandem/ops/gated.py",
                            "__torch__/tandem/trial.py"))
            .toList();
    private static final int INPUTS = 64;
    private static final int OUTPUTS = 96;
    /** Kernels differ for one row, for few and for many. */
    private static final int[] ROWS = {1, 8, 40};

    private static final double TIMED_BYTES = 64 << 20;
    /** As many passes as fit into this, but two at least: the first one finds buffers and caches cold. */
    private static final long TIMED_NANOS = 20_000_000;
    /** A pass as long as this is not repeated: what the caches hold at first makes no difference to it. */
    private static final long LONG_NANOS = 10 * TIMED_NANOS;
    /** Products of many rows do not wait for weights, so a few of those do. */
    private static final int TIMED_ROWS = 1024;
    /** Of the largest entry; twice what rounding to 8 bits costs here. */
    private static final double TOLERANCE = 0.03;

    private final TensorScope scope = TensorScope.root();
    private final ScriptModule script = ScriptModule.load("__torch__.tandem.trial.Trial", SOURCES);

    interface Use<T> {
        T of(WeightTrial trials);
    }

    /** Tries something on a thread of its own, with so many threads per operation. */
    static <T> T use(int threads, Use<T> use) {
        return NativeEngine.onPassingThread(() -> {
            NativeEngine.useThreads(threads);
            try (WeightTrial trials = new WeightTrial()) {
                return use.of(trials);
            }
        });
    }

    /** Why the form cannot be used; empty if it works. */
    Optional<String> fault(Dtype dtype, WeightForm form) {
        try {
            for (int rows : ROWS) {
                double error = error(dtype, form, rows, rows);
                if (form.isQuantized()) {
                    // By its other kernel, too.
                    error = Math.max(error, error(dtype, form, rows, 0));
                }
                if (!(error <= TOLERANCE)) {
                    return Optional.of("a product of %d rows is off by %.1f %%".formatted(rows, 100 * error));
                }
            }
            return Optional.empty();
        } catch (KernelException e) {
            return Optional.of(lastLine(String.valueOf(e.getMessage())));
        }
    }

    private double error(Dtype dtype, WeightForm form, int rows, int few) {
        float[] weight = integers(OUTPUTS, INPUTS, 16);
        float[] x = integers(rows, INPUTS, 5);
        float[] y = product(x, transposed(weight, OUTPUTS, INPUTS), rows, INPUTS, OUTPUTS);
        float[] dx = product(y, weight, rows, OUTPUTS, INPUTS);
        try (TensorScope call = scope.open()) {
            IValue results = script.call(
                    call,
                    "products",
                    call.value(call.tensor(weight, OUTPUTS, INPUTS)),
                    call.value(call.tensor(x, rows, INPUTS)),
                    call.number(dtype.code()),
                    call.text(form.label()),
                    call.number(few),
                    call.text(form.label()));
            var tensors = call.tensors(results);
            double error = relative(y, tensors[0].toFloatArray());
            error = Math.max(error, relative(gated(y, rows), tensors[1].toFloatArray()));
            return Math.max(error, relative(dx, tensors[2].toFloatArray()));
        }
    }

    /**
     * Times products of weights that are together larger than the caches, the best of some passes over them.
     *
     * @param few rows up to which the kernel for few is used
     * @return microseconds of one product, for each number of rows
     */
    List<Double> microseconds(Trial trial, int few, int[] rows) {
        Dtype dtype = trial.dtype();
        int outputs = WeightSpeed.OUTPUTS;
        int inputs = WeightSpeed.INPUTS;
        int copies = (int) Math.ceil(TIMED_BYTES / (trial.form().bytesPerParameter(dtype) * outputs * inputs));
        List<Double> microseconds = new ArrayList<>();
        try (TensorScope all = scope.open()) {
            IValue weights = script.call(
                    all,
                    "copies",
                    all.value(all.tensor(WeightSpeed.values(outputs * inputs), outputs, inputs)),
                    all.number(dtype.code()),
                    all.text(trial.form().label()),
                    all.number(few),
                    all.text(trial.form().label()),
                    all.number(copies));
            for (int count : rows) {
                int timed = Math.min(copies, Math.max(2, TIMED_ROWS / count));
                long best = Long.MAX_VALUE;
                for (long spent = 0, passes = 0; spent < TIMED_NANOS || (passes < 2 && spent < LONG_NANOS); passes++) {
                    try (TensorScope call = all.open()) {
                        IValue x = call.value(call.tensor(WeightSpeed.values(count * inputs), count, inputs));
                        IValue type = call.number(dtype.code());
                        IValue products = call.number(timed);
                        long start = System.nanoTime();
                        call.floats(script.call(call, "multiply", weights, x, type, products));
                        long nanos = System.nanoTime() - start;
                        best = Math.min(best, nanos);
                        spent += nanos;
                    }
                }
                microseconds.add(best / 1e3 / timed);
            }
        }
        return microseconds;
    }

    /**
     * So many different numbers around 0, in each row; without a pattern that a product of the wrong rows would share. 16
     * of them are what 4 bits can tell apart, and any 16 neighbours have them all.
     */
    private static float[] integers(int rows, int columns, int count) {
        float[] values = new float[rows * columns];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                values[row * columns + column] = (row * row + (2 * row + 3) * column) % count - count / 2;
            }
        }
        return values;
    }

    /** [n, inner] times [inner, m]. */
    private static float[] product(float[] left, float[] right, int n, int inner, int m) {
        float[] result = new float[n * m];
        for (int row = 0; row < n; row++) {
            for (int column = 0; column < m; column++) {
                double sum = 0;
                for (int i = 0; i < inner; i++) {
                    sum += (double) left[row * inner + i] * right[i * m + column];
                }
                result[row * m + column] = (float) sum;
            }
        }
        return result;
    }

    private static float[] transposed(float[] values, int rows, int columns) {
        float[] result = new float[values.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                result[column * rows + row] = values[row * columns + column];
            }
        }
        return result;
    }

    /** silu of the first half of each row times the second. */
    private static float[] gated(float[] y, int rows) {
        int half = OUTPUTS / 2;
        float[] result = new float[rows * half];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < half; i++) {
                double gate = y[row * OUTPUTS + i];
                result[row * half + i] = (float) (gate / (1 + Math.exp(-gate)) * y[row * OUTPUTS + half + i]);
            }
        }
        return result;
    }

    /** Not a number if any entry is not. */
    private static double relative(float[] expected, float[] actual) {
        double difference = expected.length == actual.length ? 0 : Double.NaN;
        double largest = 0;
        for (int i = 0; i < Math.min(expected.length, actual.length); i++) {
            difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        return difference / largest;
    }

    /** libtorch's reason comes after the trace of the TorchScript call. */
    private static String lastLine(String trace) {
        String line = trace.strip().lines().reduce("", (before, next) -> next.isBlank() ? before : next);
        return line.strip().replaceFirst("^RuntimeError: ", "");
    }

    @Override
    public void close() {
        scope.close();
    }
}
