package io.tandem.server.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.finetune.data.JobReaders;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** While a large training file is read everything else goes on. */
@Timeout(60)
class JobReadingTest {
    /** Takes far longer to read than a test may last. */
    private static final int MANY = 300_000;

    @TempDir
    private Path root;

    private JobBench bench;
    private String large;

    @BeforeEach
    void open() throws IOException {
        bench = JobBench.open(root);
        large = bench.upload(MANY);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void jobsAreCreatedListedAndCancelledDuringADryRun() throws IOException {
        CompletableFuture<ObjectNode> dryRun = bench.jobs.dryRun(TenantId.DEFAULT, bench.request(large, ""));
        String id = bench.create("");
        assertThat(bench.jobs.list(TenantId.DEFAULT).join()).hasSize(1);
        assertThat(bench.jobs.events(TenantId.DEFAULT, id, null, 1).join()).hasSize(1);
        bench.jobs.cancel(TenantId.DEFAULT, id).join();
        assertThat(bench.status(id)).isEqualTo("cancelled");
        assertThat(dryRun).isNotDone();
        dryRun.cancel(true);
        // The thread is free at once, or this one would wait for the end of the other.
        assertThat(bench.jobs
                        .dryRun(TenantId.DEFAULT, bench.request(""))
                        .join()
                        .path("object")
                        .asText())
                .isEqualTo("fine_tuning.dry_run");
    }

    @Test
    void aJobWhoseFileIsReadCanBeCancelledAndPaused() {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            ObjectNode job = bench.jobs
                    .create(TenantId.DEFAULT, bench.request(large, ""))
                    .join();
            assertThat(job.path("status").asText()).isEqualTo("validating_files");
            ids.add(job.path("id").asText());
        }
        bench.jobs.pause(TenantId.DEFAULT, ids.get(0)).join();
        bench.jobs.cancel(TenantId.DEFAULT, ids.get(1)).join();
        assertThat(bench.status(ids.get(0))).isEqualTo("paused");
        assertThat(bench.status(ids.get(1))).isEqualTo("cancelled");
        bench.jobs.cancel(TenantId.DEFAULT, ids.get(0)).join();
    }

    @Test
    void anEndDuringAReadingLosesNeitherThatJobNorTheCheckpointOfAnother() throws IOException {
        String training = bench.create("");
        String reading = bench.jobs
                .create(TenantId.DEFAULT, bench.request(large, ""))
                .join()
                .path("id")
                .asText();
        bench.engine.sink(training).checkpoint(JobBench.checkpoint(3));
        bench.close();
        bench = JobBench.open(root);
        bench.awaitStart(training);
        assertThat(bench.resumedStep(training)).isEqualTo(3);
        assertThat(bench.status(reading)).isEqualTo("validating_files");
        assertThat(bench.said(reading, "error")).isEmpty();
        bench.jobs.cancel(TenantId.DEFAULT, reading).join();
    }

    @Test
    void dryRunsBeyondTheQueueAreRefused() {
        List<CompletableFuture<ObjectNode>> dryRuns = new ArrayList<>();
        for (int i = 0; i <= JobReaders.WAITING_DRY_RUNS; i++) {
            dryRuns.add(bench.jobs.dryRun(TenantId.DEFAULT, bench.request(large, "")));
        }
        assertThatThrownBy(() -> bench.jobs
                        .dryRun(TenantId.DEFAULT, bench.request(large, ""))
                        .join())
                .isInstanceOf(CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        ApiException.class,
                        refusal -> assertThat(refusal.status()).isEqualTo(429));
        dryRuns.forEach(dryRun -> dryRun.cancel(true));
    }

    @Test
    void jobsThatDoNotFitTogetherTrainOneAfterTheOther() throws IOException {
        JsonBody request = bench.request("");
        long one = bench.jobBytes(request);
        bench.close();
        bench = JobBench.openWithMemory(root, one);
        String first = bench.create("");
        String second =
                bench.jobs.create(TenantId.DEFAULT, request).join().path("id").asText();
        while (bench.said(second, "info").stream().noneMatch(message -> message.contains("training-memory-bytes"))) {
            Thread.onSpinWait();
        }
        assertThat(bench.engine.has(second)).isFalse();
        assertThat(bench.status(second)).isEqualTo("queued");
        assertThat(bench.jobs.plannedBytes()).isEqualTo(one);
        bench.succeed(first, 1);
        bench.awaitStart(second);
        assertThat(bench.engine.has(second)).isTrue();
        bench.succeed(second, 2);
        assertThat(bench.jobs.plannedBytes()).isZero();
    }

    @Test
    void aJobWhoseFirstWeightsAreMadeStopsNothingAndCanBeCancelled() throws Exception {
        long one = bench.jobBytes(bench.request(""));
        bench.close();
        bench = JobBench.openWithMemory(root, one);
        CountDownLatch making = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        bench.engine.preparing = job -> {
            making.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                throw new CompletionException(e);
            }
            return job;
        };
        String first = bench.jobs
                .create(TenantId.DEFAULT, bench.request(""))
                .join()
                .path("id")
                .asText();
        making.await();
        assertThat(bench.status(first)).isEqualTo("queued");
        assertThat(bench.jobs.plannedBytes()).isEqualTo(one);
        bench.engine.preparing = UnaryOperator.identity();
        bench.jobs.cancel(TenantId.DEFAULT, first).join();
        assertThat(bench.status(first)).isEqualTo("cancelled");
        String second = bench.create("");
        bench.succeed(second, 1);
        assertThat(bench.engine.has(first)).isFalse();
        assertThat(bench.jobs.plannedBytes()).isZero();
    }

    @Test
    void aJobWhoseAdapterTheDeviceCannotTrainFailsAndTheNextOneStarts() throws Exception {
        bench.engine.preparing = job -> {
            throw new IllegalArgumentException("its rank is too large");
        };
        String first = bench.jobs
                .create(TenantId.DEFAULT, bench.request(""))
                .join()
                .path("id")
                .asText();
        while (!bench.status(first).equals("failed")) {
            Thread.onSpinWait();
        }
        assertThat(bench.said(first, "error")).anyMatch(message -> message.contains("its rank is too large"));
        assertThat(bench.jobs.plannedBytes()).isZero();
        bench.engine.preparing = UnaryOperator.identity();
        bench.succeed(bench.create(""), 1);
    }
}
