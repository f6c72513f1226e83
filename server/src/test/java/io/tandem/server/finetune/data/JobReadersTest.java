package io.tandem.server.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.api.ApiException;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class JobReadersTest {
    private final CountDownLatch started = new CountDownLatch(1);
    private final CountDownLatch interrupted = new CountDownLatch(1);

    /** Reads until it is interrupted. */
    private String endless() throws InterruptedException {
        started.countDown();
        try {
            new CountDownLatch(1).await();
            return "";
        } catch (InterruptedException e) {
            interrupted.countDown();
            throw e;
        }
    }

    @Test
    void aReadingThatTakesTooLongIsStoppedAndSaysSo() throws InterruptedException {
        try (JobReaders readers = new JobReaders(1, 1)) {
            assertThatThrownBy(() -> readers.read(this::endless).join())
                    .cause()
                    .isInstanceOf(ApiException.class)
                    .hasMessageContaining("more than 1 seconds");
            interrupted.await();
            assertThat(readers.read(() -> "next").join()).isEqualTo("next");
        }
    }

    /** An outage of a storage may take longer than any file. */
    @Test
    void whatWaitsForAStorageThatIsAwayDoesNotTakeTooLong() {
        AtomicInteger attempts = new AtomicInteger();
        try (JobReaders readers = new JobReaders(1, 1)) {
            assertThat(readers.read(() -> {
                                if (attempts.incrementAndGet() == 1) {
                                    throw new UnreachableException("The storage is away", new IOException("refused"));
                                }
                                return "read";
                            })
                            .join())
                    .isEqualTo("read");
        }
    }

    /** A large model takes long, and who does not want to wait cancels the job. */
    @Test
    void firstWeightsHaveNoLimitAndCanBeCancelled() throws InterruptedException {
        try (JobReaders readers = new JobReaders(1, 1)) {
            CompletableFuture<String> making = readers.prepare(this::endless);
            started.await();
            assertThatThrownBy(() -> making.get(1500, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            assertThat(making).isNotDone();
            making.cancel(true);
            interrupted.await();
            assertThat(readers.prepare(() -> "next").join()).isEqualTo("next");
        }
    }

    @Test
    void jobsThatWriteWaitForThoseThatDo() throws InterruptedException {
        try (JobReaders readers = new JobReaders()) {
            CompletableFuture<String> first = readers.write(this::endless);
            started.await();
            assertThat(readers.writersBusy()).isFalse();
            var unused = readers.write(this::endless);
            assertThat(readers.writersBusy()).isTrue();
            CompletableFuture<String> next = readers.write(() -> "next");
            assertThat(next).isNotDone();
            first.cancel(true);
            assertThat(next.join()).isEqualTo("next");
        }
    }

    @Test
    void aReadingThatIsCancelledIsStopped() throws InterruptedException {
        try (JobReaders readers = new JobReaders()) {
            CompletableFuture<String> reading = readers.dryRun(this::endless);
            started.await();
            reading.cancel(true);
            interrupted.await();
            assertThat(readers.dryRun(() -> "next").join()).isEqualTo("next");
        }
    }

    @Test
    void whatIsReadWhenTheServerStopsIsRejected() throws InterruptedException {
        CompletableFuture<String> reading;
        try (JobReaders readers = new JobReaders()) {
            reading = readers.read(this::endless);
            started.await();
        }
        assertThatThrownBy(reading::join).hasCauseInstanceOf(RejectedExecutionException.class);
    }
}
