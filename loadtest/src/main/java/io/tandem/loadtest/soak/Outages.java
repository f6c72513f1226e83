package io.tandem.loadtest.soak;

import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import io.tandem.loadtest.store.Store;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Times in which a store is away, when a server may answer 503 to what needs it, and to nothing else. */
final class Outages {
    private static final int UNAVAILABLE = 503;
    /** A server asks once a second whether a store is back, and a request may have waited for it before. */
    private static final long SETTLING_NANOS = TimeUnit.SECONDS.toNanos(15);

    private static final long AGAIN_MILLIS = 250;

    private final Tally tally;
    private volatile boolean away;
    private volatile boolean happened;
    private volatile long back;

    Outages(Tally tally) {
        this.tally = tally;
    }

    interface Call<T> {
        T send() throws IOException, InterruptedException;
    }

    /** Kills a store, and starts it after some time. */
    void of(Store store, double seconds) {
        away = true;
        happened = true;
        try {
            store.kill().run();
            Thread.sleep((long) (1000 * seconds));
            store.start().run();
            tally.count("restarts of " + store.name());
        } catch (IOException e) {
            tally.fail(store.name() + " does not start again: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            back = System.nanoTime();
            away = false;
        }
    }

    private boolean now() {
        return away || (happened && System.nanoTime() - back < SETTLING_NANOS);
    }

    /** Whether a refusal has to be borne; it is counted. */
    boolean excuse(StatusException refusal) {
        boolean excused = refusal.status() == UNAVAILABLE && now();
        if (excused) {
            tally.count("503 while a store was away");
        }
        return excused;
    }

    /** Asks until the server need no longer be excused. */
    <T> T through(Call<T> call) throws IOException, InterruptedException {
        while (true) {
            try {
                return call.send();
            } catch (StatusException e) {
                if (!excuse(e)) {
                    throw e;
                }
                Thread.sleep(AGAIN_MILLIS);
            }
        }
    }
}
