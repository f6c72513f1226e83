package io.tandem.server.http;

import io.tandem.server.api.TenantId;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How fast uploads come in while another tenant asks the model: reading them takes the processors that answers need. Tenants
 * that upload share the rate evenly, each held by a leaky bucket (GCRA, ITU-T I.371 appendix A). Without another tenant
 * uploads are as fast as they come.
 */
public final class UploadPace {
    /** A tenant that asked so long ago may ask again soon. */
    static final long LATELY_NANOS = TimeUnit.SECONDS.toNanos(10);
    /** So much may come early: less would take a timer for each buffer. */
    static final long EARLY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final long bytesPerSecond;
    private final LongSupplier clock;
    /** Of tenants that upload, and of those that have uploaded more than their rate allows by now. */
    private final Map<TenantId, Line> lines = new HashMap<>();

    /** Tenants that upload. */
    private int uploading;

    private Optional<Visit> last = Optional.empty();
    /** The last one of another tenant than that. */
    private Optional<Visit> before = Optional.empty();

    private static final class Line {
        int uploads;
        /** When all that came would have come at its rate. */
        long due;

        Line(long now) {
            due = now;
        }
    }

    private record Visit(TenantId tenant, long nanos) {}

    /** @param bytesPerSecond of all uploads together; 0 if they are never held */
    public UploadPace(long bytesPerSecond) {
        this(bytesPerSecond, System::nanoTime);
    }

    UploadPace(long bytesPerSecond, LongSupplier clock) {
        this.bytesPerSecond = bytesPerSecond;
        this.clock = clock;
    }

    /** The tenant asks the model. */
    synchronized void asks(TenantId tenant) {
        if (!isBy(last, tenant)) {
            before = last;
        }
        last = Optional.of(new Visit(tenant, clock.getAsLong()));
    }

    synchronized void begins(TenantId tenant) {
        long now = clock.getAsLong();
        lines.values().removeIf(line -> line.uploads == 0 && line.due - now <= 0);
        if (lines.computeIfAbsent(tenant, none -> new Line(now)).uploads++ == 0) {
            uploading++;
        }
    }

    synchronized void ends(TenantId tenant) {
        Line line = lines.get(tenant);
        if (line != null && --line.uploads == 0) {
            uploading--;
        }
    }

    /**
     * Something of an upload came, between its begin and its end.
     *
     * @return how long to wait before reading on
     */
    synchronized long nanosAfter(TenantId tenant, int bytes) {
        Line line = lines.get(tenant);
        long now = clock.getAsLong();
        if (line == null || bytesPerSecond == 0 || !othersAsk(tenant, now)) {
            return 0;
        }
        double seconds = (double) bytes * uploading / bytesPerSecond;
        line.due = Math.max(now, line.due) + (long) (seconds * TimeUnit.SECONDS.toNanos(1));
        long early = line.due - now;
        return early > EARLY_NANOS ? early : 0;
    }

    private boolean othersAsk(TenantId tenant, long now) {
        Optional<Visit> others = isBy(last, tenant) ? before : last;
        return others.isPresent() && now - others.get().nanos() < LATELY_NANOS;
    }

    private static boolean isBy(Optional<Visit> visit, TenantId tenant) {
        return visit.isPresent() && visit.get().tenant().equals(tenant);
    }
}
