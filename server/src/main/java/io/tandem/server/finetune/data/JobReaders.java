package io.tandem.server.finetune.data;

import io.tandem.server.api.ApiException;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Threads that read training files and make what jobs start with. Dry runs have one of their own, with a bounded queue,
 * so that trying out files keeps no job from starting; the first weights have one, so that they do not wait for the files
 * of other jobs. Jobs that write have two, which do little but wait for the engine. Cancelling a reading interrupts its
 * thread, which ends it at its next piece of the file or its next answer.
 */
public final class JobReaders implements AutoCloseable {
    /** Longest that reading the files of a job may take, once their storage is there. */
    private static final long JOB_SECONDS = 3600;
    /** Longest that a dry run may take. */
    private static final long DRY_RUN_SECONDS = 300;

    private static final Logger LOG = LoggerFactory.getLogger(JobReaders.class);
    private static final long AWAY_MILLIS = 2000;
    private static final int JOB_THREADS = 2;
    /** Jobs that write at once, since each holds what it has written. */
    public static final int WRITERS = 2;
    /** Dry runs that may wait for the one before them. */
    public static final int WAITING_DRY_RUNS = 8;

    // Jobs are as many as scheduler.max-queued-jobs lets in, so their queue is bounded already.
    private final ExecutorService jobs = pool(JOB_THREADS, new LinkedBlockingQueue<>(), "fine-tuning-reader");
    private final ExecutorService dryRuns = pool(1, new ArrayBlockingQueue<>(WAITING_DRY_RUNS), "dry-run-reader");

    private final ExecutorService weights = pool(1, new LinkedBlockingQueue<>(), "first-weights");

    private final ExecutorService writers = pool(WRITERS, new LinkedBlockingQueue<>(), "example-writer");
    private final AtomicInteger writing = new AtomicInteger();

    private final long jobSeconds;
    private final long dryRunSeconds;

    public JobReaders() {
        this(JOB_SECONDS, DRY_RUN_SECONDS);
    }

    JobReaders(long jobSeconds, long dryRunSeconds) {
        this.jobSeconds = jobSeconds;
        this.dryRunSeconds = dryRunSeconds;
    }

    private static ExecutorService pool(int threads, BlockingQueue<Runnable> queue, String name) {
        return new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, queue, task -> new Thread(task, name));
    }

    /** Reads what a job needs, as soon as what keeps it is there. */
    public <T> CompletableFuture<T> read(Callable<T> reading) {
        return start(jobs, OptionalLong.of(jobSeconds), true, reading);
    }

    /** Does something that a storage which is away keeps from being done, until it is back. */
    public static <T> T whenThere(Callable<T> work) throws Exception {
        for (int attempt = 1; ; attempt++) {
            try {
                return work.call();
            } catch (IOException | RuntimeException e) {
                Optional<String> away = DiskFailure.away(e);
                if (away.isEmpty()) {
                    throw e;
                }
                if (attempt == 1) {
                    LOG.warn("a job waits: {}", away.get());
                }
                Thread.sleep(AWAY_MILLIS);
            }
        }
    }

    /** Makes the weights that a job starts with; for as long as that takes, as it grows with the model and says how far it is. */
    public <T> CompletableFuture<T> prepare(Callable<T> making) {
        return start(weights, OptionalLong.empty(), false, making);
    }

    /**
     * Waits for what the engine writes, as soon as what keeps it is there; for as long as that takes, since requests go first.
     *
     * @param work keeps what it has written, so that it can be done again
     */
    public <T> CompletableFuture<T> write(Callable<T> work) {
        writing.incrementAndGet();
        CompletableFuture<T> written = start(writers, OptionalLong.empty(), true, work);
        var unused = written.whenComplete((result, failure) -> writing.decrementAndGet());
        return written;
    }

    /** Whether what is to be written next waits until something else is. */
    public boolean writersBusy() {
        return writing.get() >= WRITERS;
    }

    /** Reads what a dry run needs; fails with an {@link ApiException} if too many wait. */
    public <T> CompletableFuture<T> dryRun(Callable<T> reading) {
        return start(dryRuns, OptionalLong.of(dryRunSeconds), false, reading);
    }

    /**
     * Fails with a {@link RejectedExecutionException} if the server stops meanwhile.
     *
     * @param seconds longest that the work may take, or each attempt of work that waits
     * @param waits for a storage that is away
     */
    private static <T> CompletableFuture<T> start(
            ExecutorService pool, OptionalLong seconds, boolean waits, Callable<T> work) {
        Reading<T> reading = new Reading<>(pool, seconds, waits, work);
        try {
            reading.task = pool.submit(reading);
        } catch (RejectedExecutionException e) {
            reading.completeExceptionally(
                    pool.isShutdown()
                            ? e
                            : ApiException.tooMany(
                                    WAITING_DRY_RUNS + " dry runs are waiting already; try again later."));
        }
        return reading;
    }

    /** A future that stops its work when it is cancelled or takes too long. */
    private static final class Reading<T> extends CompletableFuture<T> implements Runnable {
        private final ExecutorService pool;
        private final OptionalLong seconds;
        /** For a storage that is away. */
        private final boolean waits;

        private final Callable<T> work;
        private volatile @Nullable Future<?> task;

        Reading(ExecutorService pool, OptionalLong seconds, boolean waits, Callable<T> work) {
            this.pool = pool;
            this.seconds = seconds;
            this.waits = waits;
            this.work = work;
        }

        @Override
        public void run() {
            try {
                complete(waits ? whenThere(this::attempt) : attempt());
            } catch (Exception | Error e) {
                completeExceptionally(pool.isShutdown() ? new RejectedExecutionException(e) : e);
            }
        }

        @Override
        public boolean cancel(boolean mayInterrupt) {
            boolean cancelled = super.cancel(mayInterrupt);
            interrupt();
            return cancelled;
        }

        /** What waits for its turn, or for a storage, does not take long by itself. */
        private T attempt() throws Exception {
            CompletableFuture<Void> end = new CompletableFuture<>();
            if (seconds.isPresent()) {
                var unused = end.orTimeout(seconds.getAsLong(), TimeUnit.SECONDS)
                        .whenComplete((nothing, late) -> {
                            if (late != null) {
                                tooLate(seconds.getAsLong());
                            }
                        });
            }
            try {
                return work.call();
            } finally {
                end.complete(null);
            }
        }

        private void tooLate(long limit) {
            completeExceptionally(ApiException.invalid(
                    "training_file",
                    "Reading the files took more than " + limit
                            + " seconds. Split them, or shorten their chats: each"
                            + " answer is rendered with everything before it."));
            interrupt();
        }

        private void interrupt() {
            Future<?> running = task;
            if (running != null) {
                running.cancel(true);
            }
        }
    }

    /** Interrupts what is being read; nothing is lost, since a job that did not start is read again. */
    @Override
    public void close() {
        jobs.shutdownNow();
        dryRuns.shutdownNow();
        weights.shutdownNow();
        writers.shutdownNow();
    }
}
