package io.tandem.server.batch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one thread that changes batches, so that they need no locks. */
final class BatchThread {
    private static final Logger LOG = LoggerFactory.getLogger(BatchThread.class);
    private static final long TICK_SECONDS = 1;
    private static final long CLOSE_SECONDS = 10;

    private final ScheduledThreadPoolExecutor thread =
            new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "batches"));
    private volatile boolean closing;

    interface Question<T> {
        T answer() throws IOException;
    }

    /** @param tick is run every second */
    BatchThread(Runnable tick) {
        Runnable guarded = () -> {
            try {
                tick.run();
            } catch (RuntimeException e) {
                LOG.error("batches stand still for a moment", e);
            }
        };
        var unused = thread.scheduleWithFixedDelay(guarded, TICK_SECONDS, TICK_SECONDS, TimeUnit.SECONDS);
    }

    <T> CompletableFuture<T> ask(Question<T> question) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return question.answer();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                thread);
    }

    void runAndWait(Runnable task) {
        try {
            CompletableFuture.runAsync(task, thread).get(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException | RejectedExecutionException e) {
            LOG.warn("batches are still being written", e);
        }
    }

    /** Whether long work should make an end of itself. */
    boolean closing() {
        return closing;
    }

    /** Runs a task later; drops it after the end. */
    void execute(Runnable task) {
        try {
            thread.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.debug("a task comes after the end");
        }
    }

    /** Finishes what has arrived, then one last task. */
    void closeAfter(Runnable last) {
        closing = true;
        execute(last);
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("batches are still being written");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
