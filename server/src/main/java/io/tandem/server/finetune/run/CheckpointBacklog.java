package io.tandem.server.finetune.run;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The checkpoints of a job that wait to be written, which would fill the heap where training is faster than the storage.
 * One thread adds, another writes.
 */
final class CheckpointBacklog {
    private final long most;
    private final AtomicLong waiting = new AtomicLong();

    /** @param most bytes that wait at once; a larger checkpoint waits alone */
    CheckpointBacklog(long most) {
        this.most = most;
    }

    /** Whether there is room for another, which {@link #written} makes again. */
    boolean add(long bytes) {
        long before = waiting.get();
        boolean room = before == 0 || before + bytes <= most;
        if (room) {
            waiting.addAndGet(bytes);
        }
        return room;
    }

    void written(long bytes) {
        waiting.addAndGet(-bytes);
    }
}
