package io.tandem.loadtest.roofline;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;

/**
 * The most that this machine does, measured through the same library as the kernels. Each is the best of many
 * repetitions.
 *
 * @param bytesPerSecond of memory that no cache holds, read or copied, whichever is faster
 * @param operationsPerSecond of products of large matrices in bfloat16; a multiplication and an addition are two
 * @param wideOperationsPerSecond the same in float32
 */
record Peaks(double bytesPerSecond, double operationsPerSecond, double wideOperationsPerSecond) {
    static final List<String> SOURCES = List.of(
            "__torch__/tandem/ops/rows.py",
            "__torch__/tandem/ops/linear.py",
            "__torch__/tandem/sample.py",
            "__torch__/loadtest/peaks.py");
    static final String CLASS = "__torch__.loadtest.peaks.Peaks";

    /** Numbers in a tensor of 512 MiB. */
    private static final long LARGE = 1L << 27;

    private static final int SIDE = 2048;
    private static final int REPETITIONS = 10;

    static Peaks measure(int threads) {
        NativeEngine.useThreads(threads);
        ScriptModule script = ScriptModule.load(CLASS, SOURCES);
        try (TensorScope scope = TensorScope.root()) {
            return new Peaks(
                    bandwidth(scope, script),
                    products(scope, script, Dtype.BFLOAT16),
                    products(scope, script, Dtype.FLOAT32));
        }
    }

    private static double bandwidth(TensorScope parent, ScriptModule script) {
        try (TensorScope scope = parent.open()) {
            IValue from = script.call(scope, "numbers", scope.number(LARGE));
            IValue to = script.call(scope, "numbers", scope.number(LARGE));
            double bytes = LARGE * (double) Float.BYTES;
            double read = least(scope, call -> script.call(call, "read", from));
            double copied = least(scope, call -> script.call(call, "copy", from, to));
            return Math.max(bytes / read, 2 * bytes / copied);
        }
    }

    private static double products(TensorScope parent, ScriptModule script, Dtype dtype) {
        boolean packed = DeviceProfile.ofThisMachine()
                        .choose(dtype, WeightForm.AUTO, 0)
                        .weights()
                        .many()
                == WeightForm.PACKED;
        try (TensorScope scope = parent.open()) {
            IValue x = script.call(scope, "matrix", scope.number(SIDE), scope.number(dtype.code()), scope.flag(false));
            IValue weight =
                    script.call(scope, "matrix", scope.number(SIDE), scope.number(dtype.code()), scope.flag(packed));
            double operations = 2.0 * SIDE * SIDE * SIDE;
            return operations / least(scope, call -> script.call(call, "multiply", x, weight, call.flag(packed)));
        }
    }

    private interface Call {
        IValue in(TensorScope scope);
    }

    /** Seconds of the fastest call. */
    private static double least(TensorScope parent, Call call) {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < REPETITIONS; i++) {
            try (TensorScope scope = parent.open()) {
                long start = System.nanoTime();
                call.in(scope);
                least = Math.min(least, (System.nanoTime() - start) / 1e9);
            }
        }
        return least;
    }
}
