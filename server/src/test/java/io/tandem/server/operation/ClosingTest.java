package io.tandem.server.operation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ClosingTest {
    private static final Duration LEAST = Duration.ofMillis(100);

    private final List<String> ended = new CopyOnWriteArrayList<>();

    private static void hang() throws InterruptedException {
        new CountDownLatch(1).await();
    }

    @Test
    void whatHangsOrFailsKeepsNothingFromItsEnd() throws InterruptedException {
        long start = System.nanoTime();
        try (Closing closing = new Closing(Duration.ofMillis(500), LEAST)) {
            closing.part("one that fails", () -> {
                throw new IOException("no");
            });
            for (int i = 0; i < 5; i++) {
                closing.part("one that hangs", ClosingTest::hang);
                closing.part("another", () -> ended.add("another"));
            }
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isBetween(Duration.ofMillis(900), Duration.ofSeconds(25));
        // What was slower than it may be was left behind, and ends all the same.
        while (ended.size() < 5) {
            Thread.sleep(1);
        }
    }

    @Test
    void partsEndOneAfterTheOther() {
        try (Closing closing = new Closing(Duration.ofSeconds(20))) {
            closing.part("the first", () -> {
                Thread.sleep(100);
                ended.add("the first");
            });
            closing.part("the second", () -> ended.add("the second"));
        }
        assertThat(ended).containsExactly("the first", "the second");
    }

    @Test
    void anInterruptionSkipsNothingAndIsHandedOn() {
        Thread.currentThread().interrupt();
        try (Closing closing = new Closing(Duration.ofSeconds(20))) {
            closing.part("the first", () -> ended.add("the first"));
            closing.part("the second", () -> {
                Thread.sleep(100);
                ended.add("the second");
            });
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(ended).containsExactly("the first", "the second");
    }
}
