package io.tandem.kernels.tensor;

import ai.djl.pytorch.jni.JniUtils;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * A second thread of whoever owns the device, for work on values that the owner leaves alone meanwhile. While both work
 * they share the processors. Operations on some hundred rows gain little from more processors, so two at once are done
 * earlier than one after the other.
 */
public final class SideThread implements AutoCloseable {
    private final int threads;
    private final ExecutorService executor =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "engine-backward"));

    /** @param threads of one operation while nothing runs on the side, 2 or more */
    public SideThread(int threads) {
        this.threads = threads;
    }

    /**
     * Runs both at once and returns when both are done.
     *
     * @throws RuntimeException what either throws
     */
    public <T> T runBoth(Runnable aside, Supplier<T> here) {
        JniUtils.setNumThreads(threads - threads / 2);
        CompletableFuture<Void> done = CompletableFuture.runAsync(
                () -> {
                    JniUtils.setNumThreads(threads / 2);
                    aside.run();
                },
                executor);
        try {
            T result = here.get();
            done.join();
            return result;
        } catch (CompletionException e) {
            throw NativeEngine.cause(e);
        } finally {
            done.exceptionally(failure -> null).join();
            JniUtils.setNumThreads(threads);
        }
    }

    @Override
    public void close() {
        executor.shutdown();
    }
}
