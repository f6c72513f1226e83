package io.tandem.server.trace;

import java.time.Instant;

/** When something happened that is known by {@link System#nanoTime}. */
final class Instants {
    private Instants() {}

    static Instant of(long nanoTime) {
        return Instant.now().minusNanos(System.nanoTime() - nanoTime);
    }
}
