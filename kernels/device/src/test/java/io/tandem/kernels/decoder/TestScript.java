package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;
import java.util.function.Function;

/** A module below {@code src/test/torchscript} that lets tests call one file of the kernels by itself, on one thread. */
final class TestScript implements AutoCloseable {
    private final TensorScope scope;
    private final ScriptModule module;

    TestScript(String className, String... sources) {
        NativeEngine.useThreads(1);
        scope = TensorScope.root();
        module = ScriptModule.load(className, List.of(sources));
    }

    /** @param arguments made in the scope of the call */
    float[] floats(String method, Function<TensorScope, IValue[]> arguments) {
        try (TensorScope call = scope.open()) {
            return call.floats(module.call(call, method, arguments.apply(call)));
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
