package io.tandem.server.operation;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.server.api.ApiException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/** A watchdog that looks often, over an engine whose time is the test's. */
@Timeout(60)
class WatchdogTest {
    private static final double LIMIT = 0.004;
    private static final long LONG = 1_000_000_000L;

    private final AtomicLong nanos = new AtomicLong();
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(Watchdog.class);

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
    }

    private List<String> said(Level level) {
        return List.copyOf(log.list).stream()
                .filter(event -> event.getLevel() == level)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    private void await(Level level, int events) throws InterruptedException {
        while (said(level).size() < events) {
            Thread.sleep(1);
        }
    }

    private double stalls() {
        return meters.get("tandem.engine.stalls").counter().count();
    }

    @Test
    void eachStallIsSaidOnceWithAllThreads() throws Exception {
        CountDownLatch hanging = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Thread engine = new Thread(() -> operationThatHangs(hanging, end), "engine-of-the-test");
        engine.start();
        hanging.await();
        try (Watchdog watchdog = new Watchdog(nanos::get, LIMIT, meters)) {
            Readiness readiness = new Readiness(() -> true, watchdog::stall);
            readiness.start();
            assertThat(readiness.refusal()).isEmpty();
            nanos.set(LONG);
            await(Level.ERROR, 1);
            assertThat(readiness.refusal())
                    .get()
                    .satisfies(refusal -> {
                        assertThat(refusal.code()).isEqualTo("engine_stalled");
                        assertThat(refusal).hasMessageContaining("1.0 s").hasMessageContaining("server.stall-timeout");
                    })
                    .extracting(ApiException::status)
                    .isEqualTo(503);
            assertThat(said(Level.ERROR).get(0)).contains("\"engine-of-the-test\" ", "operationThatHangs");
            nanos.set(2 * LONG);
            Thread.sleep(50);
            assertThat(said(Level.ERROR)).as("once").hasSize(1);
            assertThat(stalls()).isEqualTo(1);

            nanos.set(0);
            await(Level.WARN, 1);
            assertThat(readiness.refusal()).isEmpty();
            nanos.set(LONG);
            await(Level.ERROR, 2);
            assertThat(stalls()).isEqualTo(2);
        } finally {
            end.countDown();
            engine.join();
        }
    }

    private static void operationThatHangs(CountDownLatch hanging, CountDownLatch end) {
        hanging.countDown();
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void nothingIsWatchedWithoutALimit() throws Exception {
        nanos.set(Long.MAX_VALUE);
        try (Watchdog watchdog = new Watchdog(nanos::get, 0, meters)) {
            Thread.sleep(20);
            assertThat(watchdog.stall()).isEmpty();
            assertThat(said(Level.ERROR)).isEmpty();
        }
    }
}
