package io.tandem.scheduler.loop;

import java.util.concurrent.LinkedBlockingQueue;

/**
 * Messages to the engine thread, from any thread. Not bounded itself: requests and jobs are counted before they are
 * sent, and everything else is no more than a few messages for each of those.
 */
public final class Mailbox {
    private final LinkedBlockingQueue<Runnable> messages = new LinkedBlockingQueue<>();

    public void send(Runnable message) {
        messages.add(message);
    }

    /** Handles what has arrived. */
    public void drain() {
        for (Runnable message = messages.poll(); message != null; message = messages.poll()) {
            message.run();
        }
    }

    /** Waits for a message and handles it. */
    public void await() throws InterruptedException {
        messages.take().run();
    }
}
