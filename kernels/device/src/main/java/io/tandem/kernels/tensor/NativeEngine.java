package io.tandem.kernels.tensor;

import ai.djl.pytorch.jni.JniUtils;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** Process-wide settings of libtorch. */
public final class NativeEngine {
    private NativeEngine() {}

    /**
     * Loads libtorch if it is not loaded yet.
     *
     * @param threads of one operation
     */
    public static void useThreads(int threads) {
        // The native library comes with the build; nothing is to be looked up or reported elsewhere.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        try (TensorScope scope = TensorScope.root()) {
            scope.number(0);
            JniUtils.setNumThreads(threads);
        }
    }

    /**
     * Runs work on a thread that ends with it, for all that multiplies before the thread that owns the device does.
     * OpenMP keeps workers for every thread that has used some, and as soon as there are more of them than cores, they
     * sleep between operations instead of spinning. An iteration is thousands of operations of microseconds, and waking
     * a thread takes as long as several of them.
     *
     * @throws RuntimeException what the work throws
     */
    public static <T> T onPassingThread(Supplier<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        result.complete(work.get());
                    } catch (Throwable e) { // whatever it is belongs to the caller
                        result.completeExceptionally(e);
                    }
                },
                "device-loader");
        thread.start();
        try {
            return result.join();
        } catch (CompletionException e) {
            throw cause(e);
        }
    }

    /** What really happened, if it can be thrown. */
    static RuntimeException cause(CompletionException wrapper) {
        return wrapper.getCause() instanceof RuntimeException cause ? cause : wrapper;
    }
}
