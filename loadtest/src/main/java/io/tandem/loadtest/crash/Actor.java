package io.tandem.loadtest.crash;

import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import java.io.IOException;

/**
 * A client that changes things of its own on a server, one after the other, and remembers what was acknowledged. After a
 * crash a change that was on its way may have happened or not; all others must have.
 */
abstract class Actor {
    private final Acknowledged acknowledged;
    private final Tally tally;
    private volatile int acts;

    Actor(Acknowledged acknowledged, Tally tally) {
        this.acknowledged = acknowledged;
        this.tally = tally;
    }

    Acknowledged acknowledged() {
        return acknowledged;
    }

    Tally tally() {
        return tally;
    }

    /** How often it has acted since the server started. */
    final int acts() {
        return acts;
    }

    /** Changes things until the server is gone. */
    final void work(ApiClient client) {
        acts = 0;
        try {
            for (int next = 1; true; next++) {
                try {
                    act(client);
                    acts = next;
                } catch (StatusException e) {
                    tally.fail("refused: " + e.getMessage());
                }
            }
        } catch (IOException e) {
            // The server was killed.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Makes one change. */
    abstract void act(ApiClient client) throws IOException, InterruptedException;

    /** Compares what a restarted server has with what was acknowledged. */
    abstract void check(ApiClient client) throws IOException, InterruptedException;

    /** Whether a server answers with 404. */
    static boolean isGone(ApiClient client, String path) throws IOException, InterruptedException {
        try {
            client.get(path);
            return false;
        } catch (StatusException e) {
            if (e.status() == 404) {
                return true;
            }
            throw e;
        }
    }
}
