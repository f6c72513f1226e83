package io.tandem.server.storage.document;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;

/**
 * Says in the log how a service fails and when it is back: a line for each, unless it fails again soon. From then on it has
 * to answer for a while before it counts as back. Safe from any thread.
 */
public final class OutageLog {
    private static final long STEADY_SECONDS = 30;
    private static final long STEADY_NANOS = TimeUnit.SECONDS.toNanos(STEADY_SECONDS);

    private final Logger log;
    private final String service;
    private final LongSupplier clock;
    private State state = State.SOUND;
    /** When it came to be sound, or failed last. */
    private long since;
    /** What the log says that it does, since it failed. */
    private final Set<String> said = new HashSet<>();

    private enum State {
        SOUND,
        /** It was away and is back, not for long. */
        BACK,
        FAILING,
        /** It failed soon after it was back. */
        UNSTEADY
    }

    /** @param service its name in a sentence */
    public OutageLog(Logger log, String service) {
        this(log, service, System::nanoTime);
    }

    OutageLog(Logger log, String service, LongSupplier clock) {
        this.log = log;
        this.service = service;
        this.clock = clock;
    }

    /** @param what it does: {@code does not answer} */
    public synchronized void failed(String what, Throwable cause) {
        boolean soon = state == State.BACK && !steady();
        if (soon) {
            state = State.UNSTEADY;
            log.warn(
                    "{} {} again: {}; from now on the log says only when it has answered for {} s",
                    service,
                    what,
                    cause.getMessage(),
                    STEADY_SECONDS);
        } else if (state == State.SOUND || state == State.BACK) {
            state = State.FAILING;
            said.clear();
        }
        if (state == State.FAILING && said.add(what)) {
            log.warn("{} {}: {}", service, what, cause.getMessage());
        }
        since = clock.getAsLong();
    }

    /** It has answered. */
    public synchronized void answered() {
        if (state == State.FAILING || (state == State.UNSTEADY && steady())) {
            state = State.BACK;
            since = clock.getAsLong();
            log.info("{} answers again", service);
        }
    }

    private boolean steady() {
        return clock.getAsLong() - since >= STEADY_NANOS;
    }
}
