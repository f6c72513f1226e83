package io.tandem.server;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.jline.utils.Signals;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The first signal that asks the process to end, which then ends in order with status 0. After it, signals have the
 * system's own effect, so that a second one ends the process at once, whatever its threads do. The virtual machine's own
 * way would take neither: it ends with another status, ignores further signals, and unloads libtorch while its threads run.
 */
final class StopSignal {
    private static final Logger LOG = LoggerFactory.getLogger(StopSignal.class);
    /** A process that was started with one of them ignored, for example by nohup, goes on ignoring it. */
    private static final List<String> NAMES = List.of("TERM", "INT", "HUP");

    private final CountDownLatch received = new CountDownLatch(1);

    private StopSignal() {}

    static StopSignal listen() {
        StopSignal stop = new StopSignal();
        NAMES.forEach(name -> Signals.register(name, () -> stop.receive(name)));
        return stop;
    }

    private void receive(String name) {
        NAMES.forEach(Signals::registerDefault);
        LOG.info("SIG{}: the server ends once what runs has ended; a second signal ends it at once", name);
        received.countDown();
    }

    void await() throws InterruptedException {
        received.await();
    }

    /** @throws CancellationException if the signal has come */
    void requireNone() {
        if (received.getCount() == 0) {
            throw new CancellationException("stopped while the model was loading");
        }
    }
}
