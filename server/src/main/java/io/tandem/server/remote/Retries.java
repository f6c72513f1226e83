package io.tandem.server.remote;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tries again after failures of the network, each time after twice as long a pause. */
final class Retries {
    private static final Logger LOG = LoggerFactory.getLogger(Retries.class);
    private static final int FAILURES_MAX = 5;
    private static final long PAUSE_MILLIS_MAX = 60_000;

    private final Duration pause;

    /** @param pause after the first failure */
    Retries(Duration pause) {
        this.pause = pause;
    }

    /** Something that may fail. */
    interface Attempt<T> {
        /** @throws Unavailable if it is of no use to try again */
        T run() throws IOException;
    }

    /** A server that is overloaded says for how long. */
    static final class Busy extends IOException {
        private final long millis;

        Busy(String message, long millis) {
            super(message);
            this.millis = millis;
        }
    }

    <T> T of(String what, Attempt<T> attempt) throws IOException {
        return of(what, attempt, () -> 0);
    }

    /**
     * @param what for messages
     * @param progress grows when an attempt that fails was still of use; only useless ones are counted
     */
    <T> T of(String what, Attempt<T> attempt, LongSupplier progress) throws IOException {
        int failures = 0;
        long reached = progress.getAsLong();
        while (true) {
            try {
                return attempt.run();
            } catch (Unavailable | InterruptedIOException e) {
                throw e;
            } catch (IOException e) {
                failures = progress.getAsLong() > reached ? 1 : failures + 1;
                reached = progress.getAsLong();
                if (failures >= FAILURES_MAX) {
                    throw new Unavailable(
                            Unavailable.Reason.UNREACHABLE,
                            what + ": " + reason(e) + " (tried " + failures + " times)",
                            e);
                }
                long millis = Math.max(pause.toMillis() << (failures - 1), e instanceof Busy busy ? busy.millis : 0);
                LOG.warn("{}: {}; trying again", what, reason(e));
                sleep(Math.min(millis, PAUSE_MILLIS_MAX));
            }
        }
    }

    /** Exceptions of a refused connection have no message. */
    private static String reason(IOException e) {
        return e.getMessage() == null ? "no connection" : e.getMessage();
    }

    static void sleep(long millis) throws InterruptedIOException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    static InterruptedIOException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        InterruptedIOException failure = new InterruptedIOException("interrupted");
        failure.initCause(e);
        return failure;
    }
}
