package io.tandem.scheduler.loop;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Messages to the engine thread, from any thread. A message takes the place of a waiting one with the same key, so however
 * long an iteration takes, no more wait than there are requests, jobs and adapters.
 */
public final class Mailbox {
    private final Map<Object, Runnable> messages = new LinkedHashMap<>();

    /** @param key what the message is about, for example that a request is cancelled */
    public void send(Object key, Runnable message) {
        synchronized (messages) {
            messages.remove(key);
            messages.put(key, message);
            messages.notifyAll();
        }
    }

    /** Handles what has arrived. */
    public void drain() {
        List<Runnable> arrived;
        synchronized (messages) {
            arrived = List.copyOf(messages.values());
            messages.clear();
        }
        arrived.forEach(Runnable::run);
    }

    /** Waits for a message. */
    public void await() throws InterruptedException {
        synchronized (messages) {
            while (messages.isEmpty()) {
                messages.wait();
            }
        }
    }

    /** Messages that wait. */
    public int size() {
        synchronized (messages) {
            return messages.size();
        }
    }
}
