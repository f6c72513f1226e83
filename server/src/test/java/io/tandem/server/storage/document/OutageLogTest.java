package io.tandem.server.storage.document;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class OutageLogTest {
    private final AtomicLong clock = new AtomicLong();
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(OutageLogTest.class);
    private final OutageLog log = new OutageLog(logger, "the store", clock::get);

    @BeforeEach
    void listen() {
        lines.start();
        logger.addAppender(lines);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(lines);
    }

    private List<String> said() {
        return lines.list.stream()
                .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                .toList();
    }

    private void fail() {
        log.failed("does not answer", new IOException("refused"));
    }

    private void pass(long seconds) {
        clock.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
    }

    @Test
    void anOutageHasTwoLines() {
        log.answered();
        for (int outage = 0; outage < 2; outage++) {
            for (int i = 0; i < 100; i++) {
                fail();
                pass(1);
            }
            for (int i = 0; i < 100; i++) {
                log.answered();
                pass(1);
            }
        }
        String away = "WARN the store does not answer: refused";
        String back = "INFO the store answers again";
        assertThat(said()).containsExactly(away, back, away, back);
    }

    @Test
    void whatComesAndGoesHasNoLineForEachTime() {
        for (int i = 0; i < 100; i++) {
            fail();
            pass(1);
            log.answered();
            pass(28);
        }
        assertThat(said()).hasSize(3).last().asString().contains("does not answer again: refused", "30 s");
        pass(2);
        log.answered();
        assertThat(said()).hasSize(4).last().isEqualTo("INFO the store answers again");
        pass(30);
        fail();
        assertThat(said()).hasSize(5).last().isEqualTo("WARN the store does not answer: refused");
    }

    @Test
    void anotherReasonHasALineOfItsOwn() {
        for (int i = 0; i < 5; i++) {
            fail();
            log.failed("refuses", new IOException("403"));
        }
        assertThat(said()).containsExactly("WARN the store does not answer: refused", "WARN the store refuses: 403");
    }
}
