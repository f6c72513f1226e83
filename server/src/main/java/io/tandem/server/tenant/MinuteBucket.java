package io.tandem.server.tenant;

import java.time.Duration;

/**
 * What is left of a limit per minute: it refills evenly, up to a minute's worth. What is taken need not be there, since the
 * tokens of an answer are known only at its end; what is owed has to come back first. Not safe for several threads.
 */
final class MinuteBucket {
    private static final double MINUTE_MILLIS = 60_000;

    private double used;
    private long countedAt;

    /** @param now in milliseconds */
    MinuteBucket(long now) {
        this.countedAt = now;
    }

    private void refill(long limit, long now) {
        used = Math.max(0, used - Math.max(0, now - countedAt) * limit / MINUTE_MILLIS);
        countedAt = now;
    }

    /** Whole units that may be taken now. */
    long left(long limit, long now) {
        refill(limit, now);
        return (long) Math.max(0, Math.floor(limit - used));
    }

    void take(long units, long limit, long now) {
        refill(limit, now);
        used += units;
    }

    /** How long until it is full again. */
    Duration reset(long limit, long now) {
        refill(limit, now);
        return wait(used, limit);
    }

    /** How long until one unit may be taken. */
    Duration next(long limit, long now) {
        refill(limit, now);
        return wait(used + 1 - limit, limit);
    }

    private static Duration wait(double units, long limit) {
        return limit == 0
                ? Duration.ofMinutes(1)
                : Duration.ofMillis((long) Math.ceil(Math.max(0, units) * MINUTE_MILLIS / limit));
    }
}
