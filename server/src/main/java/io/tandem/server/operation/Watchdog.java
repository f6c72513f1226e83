package io.tandem.server.operation;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices an iteration that does not end, and writes down once what all threads do meanwhile: whoever looks at a server
 * that hangs comes too late. The iteration itself is left alone, since nothing can stop an operation on the device.
 */
public final class Watchdog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);
    private static final double NANOS = 1e9;
    private static final int LOOKS = 4;
    private static final long MOST_NANOS_BETWEEN = TimeUnit.SECONDS.toNanos(1);

    private final LongSupplier iterationNanos;
    private final double limitSeconds;
    private final Counter stalls;
    private final ScheduledThreadPoolExecutor thread;
    /** Watchdog's thread only. */
    private boolean said;

    /**
     * @param iterationNanos how long the iteration that runs has taken; 0 if none runs
     * @param limitSeconds that one may take; 0 for any time
     */
    public Watchdog(LongSupplier iterationNanos, double limitSeconds, MeterRegistry meters) {
        this.iterationNanos = iterationNanos;
        this.limitSeconds = limitSeconds;
        this.stalls = Counter.builder("tandem.engine.stalls")
                .description("iterations that took longer than server.stall-timeout")
                .register(meters);
        this.thread = new ScheduledThreadPoolExecutor(1, task -> {
            Thread watching = new Thread(task, "watchdog");
            watching.setDaemon(true);
            return watching;
        });
        if (limitSeconds > 0) {
            long between = Math.max(1, Math.min(MOST_NANOS_BETWEEN, (long) (limitSeconds * NANOS) / LOOKS));
            var unused = thread.scheduleWithFixedDelay(this::look, between, between, TimeUnit.NANOSECONDS);
        }
    }

    /** What the engine stands still with, if it does. Safe from any thread. */
    public Optional<String> stall() {
        double seconds = iterationNanos.getAsLong() / NANOS;
        return limitSeconds > 0 && seconds > limitSeconds
                ? Optional.of(String.format(
                        Locale.ROOT,
                        "an iteration has been running for %.1f s, longer than %s s (server.stall-timeout)",
                        seconds,
                        limitSeconds))
                : Optional.empty();
    }

    private void look() {
        Optional<String> stall = stall();
        if (stall.isPresent() && !said) {
            stalls.increment();
            LOG.error("{}; the server is not ready until it ends. All threads:\n{}", stall.get(), dump());
        } else if (stall.isEmpty() && said) {
            LOG.warn("the iteration has ended; the server is ready again");
        }
        said = stall.isPresent();
    }

    /** What {@code jstack} shows, without its limit of eight frames that the platform's own text has. */
    private static String dump() {
        return Arrays.stream(ManagementFactory.getThreadMXBean().dumpAllThreads(true, true))
                .map(Watchdog::thread)
                .collect(Collectors.joining("\n"));
    }

    private static String thread(ThreadInfo thread) {
        StringBuilder text = new StringBuilder()
                .append('"')
                .append(thread.getThreadName())
                .append("\" ")
                .append(thread.getThreadState());
        if (thread.getLockName() != null) {
            text.append(" on ").append(thread.getLockName());
        }
        if (thread.getLockOwnerName() != null) {
            text.append(" held by \"").append(thread.getLockOwnerName()).append('"');
        }
        for (StackTraceElement frame : thread.getStackTrace()) {
            text.append("\n    at ").append(frame);
        }
        return text.append('\n').toString();
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
