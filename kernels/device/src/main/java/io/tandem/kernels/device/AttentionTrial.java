package io.tandem.kernels.device;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;

/**
 * Attention of decode rows, with the heads of keys read one by one or as one. A product in bfloat16 first copies the keys,
 * and rows of several heads are copied faster than those of one; in other types, or with other kernels, the zeros that
 * come with it may cost more.
 */
final class AttentionTrial {
    private static final List<String> SOURCES = List.of(
            "__torch__/tandem/ops/rows.py",
            "__torch__/tandem/ops/soft_cap.py",
            "__torch__/tandem/ops/attention.py",
            "__torch__/tandem/attention_trial.py");
    private static final int SLOTS = 8;
    private static final int TOKENS = 256;
    private static final int HEADS = 3;
    private static final int DIM = 64;
    private static final int PASSES = 5;
    private static final int CALLS = 4;
    /** How much faster joined heads must be, so that the choice is the same at every start. */
    private static final double GAIN = 1.15;

    private AttentionTrial() {}

    /**
     * Takes some ten milliseconds.
     *
     * @param threads of one operation
     */
    static boolean joiningPays(Dtype dtype, int threads) {
        return NativeEngine.onPassingThread(() -> {
            NativeEngine.useThreads(threads);
            ScriptModule script = ScriptModule.load("__torch__.tandem.attention_trial.AttentionTrial", SOURCES);
            try (TensorScope scope = TensorScope.root()) {
                long apart = Long.MAX_VALUE;
                long joined = Long.MAX_VALUE;
                for (int pass = 0; pass < PASSES; pass++) {
                    apart = Math.min(apart, nanos(scope, script, dtype, 1));
                    joined = Math.min(joined, nanos(scope, script, dtype, HEADS));
                }
                return apart > GAIN * joined;
            }
        });
    }

    private static long nanos(TensorScope scope, ScriptModule script, Dtype dtype, int joined) {
        try (TensorScope call = scope.open()) {
            IValue[] arguments = {
                call.value(call.tensor(WeightSpeed.values(SLOTS * TOKENS * HEADS * DIM), SLOTS, TOKENS, HEADS, DIM)),
                call.number(dtype.code()),
                call.number(joined),
                call.number(CALLS)
            };
            long start = System.nanoTime();
            call.floats(script.call(call, "decode", arguments));
            return System.nanoTime() - start;
        }
    }
}
