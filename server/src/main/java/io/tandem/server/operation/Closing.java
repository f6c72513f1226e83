package io.tandem.server.operation;

import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the parts of a server one after the other, all within one time. What fails or hangs keeps no other part from its end:
 * when the time is up, each that is left has a second. For one thread.
 */
public final class Closing implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Closing.class);
    private static final Duration LEAST = Duration.ofSeconds(1);

    private final long end;
    private final long leastNanos;
    private boolean interrupted;

    /** @param time that all parts have together */
    public Closing(Duration time) {
        this(time, LEAST);
    }

    Closing(Duration time, Duration least) {
        end = System.nanoTime() + time.toNanos();
        leastNanos = least.toNanos();
    }

    /** What ends a part. */
    public interface Ending {
        void end() throws Exception;
    }

    /** Ends a part, on a thread of its own that is left behind if it hangs. */
    public void part(String name, Ending ending) {
        FutureTask<Boolean> task = new FutureTask<>(() -> {
            ending.end();
            return true;
        });
        Thread thread = new Thread(task, "closing " + name);
        thread.setDaemon(true);
        thread.start();
        long now = System.nanoTime();
        long until = now + Math.max(leastNanos, end - now);
        while (!ended(name, task, until)) {
            // Who interrupts wants the end, and what is written now is all that is left of it: so nothing is skipped.
            interrupted = true;
        }
    }

    /** False if it was interrupted. */
    private static boolean ended(String name, FutureTask<?> task, long until) {
        try {
            task.get(until - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            return false;
        } catch (ExecutionException e) {
            LOG.warn("closing {} failed", name, e.getCause());
        } catch (TimeoutException e) {
            LOG.warn("closing {} takes too long and is not waited for", name);
        }
        return true;
    }

    /** Hands on an interruption. */
    @Override
    public void close() {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
