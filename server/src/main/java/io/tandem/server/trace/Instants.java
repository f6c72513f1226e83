package io.tandem.server.trace;

import java.time.Instant;

/** When something happened that is known by {@link System#nanoTime}. What is of one moment keeps its order. */
final class Instants {
    private final Instant now = Instant.now();
    private final long nanoTime = System.nanoTime();

    Instant now() {
        return now;
    }

    Instant of(long nanos) {
        return now.minusNanos(nanoTime - nanos);
    }
}
