package io.tandem.server.finetune.state;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that changes job objects, so that they need no locks. It only keeps the books: reading a training file
 * takes minutes and happens elsewhere, or no job could be looked at, cancelled or saved meanwhile.
 */
public final class JobThread implements Executor {
    private static final Logger LOG = LoggerFactory.getLogger(JobThread.class);
    /** What arrives last are checkpoints, which may have a network to cross. */
    private static final long CLOSE_SECONDS = 60;

    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "fine-tuning-jobs"));
    private boolean closing;

    public interface Question<T> {
        T answer() throws IOException;
    }

    public <T> CompletableFuture<T> ask(Question<T> question) {
        return CompletableFuture.supplyAsync(() -> answer(question), thread);
    }

    /** An answer that fails as futures can. */
    public static <T> T answer(Question<T> question) {
        try {
            return question.answer();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs a task later; drops it after the end. */
    @Override
    public void execute(Runnable task) {
        synchronized (thread) {
            if (!closing) {
                thread.execute(task);
            }
        }
    }

    /** Finishes what has arrived, then one last task. */
    public void closeAfter(Runnable last) {
        execute(last);
        synchronized (thread) {
            closing = true;
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("fine-tuning jobs are still being written");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
