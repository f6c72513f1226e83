package io.tandem.server.operation;

import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Waits until what runs has ended, and says what it waits for. */
public final class Drain {
    private static final Logger LOG = LoggerFactory.getLogger(Drain.class);
    private static final long LOOK_MILLIS = 20;
    private static final long SAY_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Supplier<Running> running;
    private final long start = System.nanoTime();

    /** @param running what runs now */
    public Drain(Supplier<Running> running) {
        this.running = running;
    }

    /**
     * What has not ended.
     *
     * @param requests on connections
     * @param rows of batches that are being answered
     */
    public record Running(int requests, int rows) {
        boolean nothing() {
            return requests == 0 && rows == 0;
        }

        @Override
        public String toString() {
            return requests + " requests and " + rows + " rows of batches";
        }
    }

    /**
     * Waits, but not for ever; nothing new may begin.
     *
     * @param seconds at most, since this was made
     * @param jobs that will leave a checkpoint afterwards
     */
    public void await(int seconds, int jobs) {
        LOG.info(
                "draining: nothing new is taken; waiting up to {} s for {}; {} fine-tuning jobs then leave checkpoints",
                seconds,
                running.get(),
                jobs);
        long end = start + TimeUnit.SECONDS.toNanos(seconds);
        long say = start + SAY_NANOS;
        Running left = running.get();
        try {
            while (!left.nothing() && System.nanoTime() - end < 0) {
                if (System.nanoTime() - say >= 0) {
                    LOG.info("draining: still waiting for {}", left);
                    say += SAY_NANOS;
                }
                Thread.sleep(LOOK_MILLIS);
                left = running.get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!left.nothing()) {
            LOG.warn("{} have not ended within {} s (server.drain-timeout) and are cut off", left, seconds);
        }
    }
}
