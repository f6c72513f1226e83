package io.tandem.loadtest.roofline;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Draws for 32 rows of logits, from all tokens or from the most likely ones. */
@State(Scope.Benchmark)
public class SamplingBenchmark {
    static final int ROWS = 32;
    static final int VOCABULARY = 49152;

    @Param({"false", "true"})
    boolean filtered;

    private TensorScope scope;
    private ScriptModule script;
    private IValue logits;

    @Setup(Level.Trial)
    public void load() {
        NativeEngine.useThreads(Integer.getInteger(Device.THREADS, 1));
        scope = TensorScope.root();
        script = ScriptModule.load(Peaks.CLASS, Peaks.SOURCES);
        logits = script.call(scope, "logits", scope.number(ROWS), scope.number(VOCABULARY));
    }

    @Benchmark
    public long[] draw() {
        try (TensorScope call = scope.open()) {
            return call.longs(script.call(call, "draw", logits, call.flag(filtered)));
        }
    }

    @TearDown(Level.Trial)
    public void close() {
        scope.close();
    }
}
