package io.tandem.kernels.tensor;

import ai.djl.pytorch.jni.JniUtils;

/** Process-wide settings of libtorch. */
public final class NativeEngine {
    private NativeEngine() {}

    /**
     * Loads libtorch if it is not loaded yet.
     *
     * @param threads of one operation; 0 means one per core
     */
    public static void useThreads(int threads) {
        // The native library comes with the build; nothing is to be looked up or reported elsewhere.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        // The optimizer compiles anew for every shape that it sees, and iterations never stop changing shape.
        System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
        try (TensorScope scope = TensorScope.root()) {
            scope.number(0);
            JniUtils.setNumThreads(threads > 0 ? threads : Runtime.getRuntime().availableProcessors());
        }
    }
}
