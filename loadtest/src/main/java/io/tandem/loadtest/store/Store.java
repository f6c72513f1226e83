package io.tandem.loadtest.store;

import java.io.IOException;

/**
 * A service that a server keeps things in.
 *
 * @param name for people
 * @param kill ends it as a loss of power would
 * @param start starts it on what it left
 */
public record Store(String name, Change kill, Change start) {
    /** What is done to it. */
    public interface Change {
        void run() throws IOException, InterruptedException;
    }
}
