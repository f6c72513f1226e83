package io.tandem.server.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class JobServiceTest {
    @TempDir
    private Path root;

    private JobBench bench;

    @BeforeEach
    void open() throws IOException {
        bench = JobBench.open(root.resolve("data"));
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void aJobsAdapterCanBeCalledAndItsTableIsAFile() throws IOException {
        String id = bench.create("");
        ObjectNode job = bench.succeed(id, 1);
        assertThat(job.path("status").asText()).isEqualTo("succeeded");
        assertThat(bench.library.names())
                .containsExactly(job.path("fine_tuned_model").asText());
        assertThat(bench.files.find(job.path("result_files").path(0).asText())).isPresent();
        assertThat(bench.said(id, "warn")).isEmpty();
    }

    @Test
    void aJobWhoseMetricsCannotBeWrittenSucceedsWithoutThem() throws IOException {
        String id = bench.create("");
        bench.documents.refuse(
                change -> change instanceof Change.Append append && append.log().startsWith("steps/"));
        assertSucceedsWithoutTable(id);
    }

    @Test
    void aJobWhoseTableCannotBeWrittenSucceedsWithoutIt() throws IOException {
        String id = bench.create("");
        Files.move(bench.root.resolve("files"), root.resolve("elsewhere"));
        Files.writeString(bench.root.resolve("files"), "in the way");
        assertSucceedsWithoutTable(id);
    }

    private void assertSucceedsWithoutTable(String id) {
        ObjectNode job = bench.succeed(id, 1);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        assertThat(job.path("result_files")).isEmpty();
        assertThat(bench.library.names())
                .containsExactly(job.path("fine_tuned_model").asText());
        assertThat(bench.said(id, "warn"))
                .anyMatch(message -> message.startsWith("Result files are missing"))
                .noneMatch(message -> message.contains(root.toString()));
    }

    @Test
    void aJobWhoseAdapterTheDiskDoesNotTakeIsPausedAndEndsWellOnceThereIsRoom() throws IOException {
        String id = bench.create("");
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(3)));
        Path adapters = bench.root.resolve("adapters");
        Files.move(adapters, root.resolve("elsewhere"));
        Files.writeString(adapters, "in the way");
        assertThat(bench.succeed(id, 1).path("status").asText()).isEqualTo("paused");
        assertThat(bench.said(id, "error"))
                .singleElement()
                .asString()
                .contains("adapter could not be written", "resume")
                .doesNotContain(root.toString());
        Files.delete(adapters);
        Files.move(root.resolve("elsewhere"), adapters);
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        assertThat(bench.resumedStep(id)).isEqualTo(3);
        assertThat(bench.succeed(id, 1).path("status").asText()).isEqualTo("succeeded");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/checkpoints/step-00000003", "/under/0-below", "/files/"})
    void aJobWhoseFilesTheServerCannotReadForNowIsPausedAndLosesNothing(String file) throws IOException {
        bench.library.publish("below", JobBench.adapter(7), "test", 100).join();
        String id = bench.create(",\"hyperparameters\":{\"under\":[\"below\"]}");
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(1)));
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(3)));
        bench.jobs.pause(TenantId.DEFAULT, id).join();
        bench.blobs.hide(id + file);
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        assertThat(bench.status(id)).isEqualTo("paused");
        assertThat(bench.said(id, "error"))
                .containsExactly(
                        "The job's files cannot be read for now: Too many open files. The job is paused; resume it"
                                + " when that is mended.");
        bench.blobs.show();
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        assertThat(bench.resumedStep(id)).isEqualTo(3);
    }

    /** What it has learned and written stays. */
    @Test
    void aJobThatADeviceFailsToWriteForIsPausedAndSaysWhy() throws IOException {
        String id =
                bench.create(",\"method\":{\"type\":\"distill\",\"distill\":{\"texts\":\"written\",\"examples\":2}}");
        int steps = bench.engine.work(id).orElseThrow().totalSteps();
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(steps)));
        bench.succeed(id, 1);
        bench.awaitStart(id);
        assertThat(bench.status(id)).isEqualTo("paused");
        assertThat(bench.said(id, "error"))
                .singleElement()
                .asString()
                .contains("one of them failed 3 times", "out of memory", "resume");
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        assertThat(bench.status(id)).isEqualTo("paused");
        assertThat(bench.said(id, "error")).hasSize(2);
    }

    /** Writes fail as on a full disk. */
    private void fillDisk(String id) {
        // Behind whatever the jobs' thread has begun to write.
        bench.job(id);
        bench.documents.fillDisk();
    }

    private void makeRoom() {
        bench.documents.makeRoom();
    }

    private void assertNotStored(Supplier<CompletableFuture<ObjectNode>> request) {
        assertThatThrownBy(() -> request.get().join())
                .satisfies(failure -> assertThat(DiskFailure.notStored(failure)).isPresent());
    }

    @Test
    void aJobThatIsNotOnDiskIsNotCreated() throws IOException {
        Files.move(bench.root.resolve("jobs"), root.resolve("elsewhere"));
        Files.writeString(bench.root.resolve("jobs"), "in the way");
        assertThatThrownBy(() -> bench.create(""))
                .satisfies(failure -> assertThat(DiskFailure.notStored(failure)).isPresent());
        assertThat(bench.jobs.list(TenantId.DEFAULT).join()).isEmpty();
    }

    @Test
    void whatAClientAsksOfAJobHappensOnlyIfItIsOnDisk() throws IOException {
        String id = bench.create("");
        fillDisk(id);
        assertNotStored(() -> bench.jobs.cancel(TenantId.DEFAULT, id));
        assertNotStored(() -> bench.jobs.pause(TenantId.DEFAULT, id));
        assertThat(bench.status(id)).isEqualTo("queued");
        assertThat(bench.engine.sink(id)).as("the engine still has it").isNotNull();
        makeRoom();
        bench.jobs.pause(TenantId.DEFAULT, id).join();
        fillDisk(id);
        assertNotStored(() -> bench.jobs.resume(TenantId.DEFAULT, id));
        assertThat(bench.status(id)).isEqualTo("paused");
        makeRoom();
        assertThat(bench.jobs.cancel(TenantId.DEFAULT, id).join().path("status").asText())
                .isEqualTo("cancelled");
    }

    @Test
    void whatHappenedOnAFullDiskIsWrittenOnceThereIsRoom() throws IOException {
        String id = bench.create("");
        fillDisk(id);
        bench.engine.end(id, new JobOutcome.Failed("the loss is not finite"));
        assertThat(bench.status(id)).isEqualTo("failed");
        makeRoom();
        reopen();
        assertThat(bench.status(id)).isEqualTo("failed");
    }

    private void reopen() throws IOException {
        bench.close();
        open();
    }

    @Test
    void aCheckpointThatWasDeletedStaysDeleted() throws IOException {
        String id = bench.create("");
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(2)));
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(4)));
        String first = bench.library.names().first();
        bench.library.delete(first).join();
        reopen();
        assertThat(bench.library.names()).hasSize(1).doesNotContain(first);
        bench.awaitStart(id);
        assertThat(bench.resumedStep(id)).isEqualTo(4);
    }

    @Test
    void aCheckpointThatACrashKeptFromBeingPublishedIsPublishedByTheNextStart() throws IOException {
        String id = bench.create("");
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(2)));
        String name = bench.library.names().first();
        bench.library.delete(name).join();
        bench.close();
        StoredData.change(
                bench.root,
                "checkpoints",
                "jobs/" + id + "/checkpoints/step-00000002",
                body -> body.replace("\"published\":true", "\"published\":false"));
        open();
        assertThat(bench.library.names()).containsExactly(name);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aJobKeepsTheFilesThatItReads(boolean paused) throws IOException {
        String id = bench.create("");
        String file = bench.job(id).path("training_file").asText();
        if (paused) {
            bench.jobs.pause(TenantId.DEFAULT, id).join();
        }
        assertThat(bench.files.delete(file)).isTrue();
        reopen();
        if (paused) {
            bench.jobs.resume(TenantId.DEFAULT, id).join();
        }
        bench.awaitStart(id);
        assertThat(bench.job(id).path("status").asText()).isEqualTo("queued");
        assertThat(bench.engine.work(id).orElseThrow().training()).hasSize(8);
        bench.succeed(id, 1);
        assertThat(bench.folder(id).resolve("files")).as("not needed any more").doesNotExist();
    }

    @Test
    void aJobDoesNotGoOnUponAnotherBaseModel() throws IOException {
        String id = bench.create("");
        engineSays(id, sink -> sink.checkpoint(JobBench.checkpoint(2)));
        bench.close();
        bench = JobBench.openWithOtherModel(root.resolve("data"), "tiny");
        assertThat(bench.status(id)).isEqualTo("paused");
        assertThat(bench.engine.work(id)).isEmpty();
        assertThat(bench.said(id, "error")).singleElement().asString().contains("another base model", "resume");
        assertThatThrownBy(() -> bench.jobs.resume(TenantId.DEFAULT, id).join())
                .cause()
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("another base model");
        reopen();
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        assertThat(bench.engine.work(id).orElseThrow().resumeFrom()).isPresent();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aJobWhoseAdapterBelowWasChangedFailsAndSaysSo(boolean cut) throws IOException {
        bench.library.publish("below", JobBench.adapter(7), "test", 100).join();
        String id = bench.create(",\"hyperparameters\":{\"under\":[\"below\"]}");
        bench.close();
        Path weights = bench.folder(id).resolve("under/0-below/adapter_model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 3] ^= 1;
        Files.write(weights, cut ? Arrays.copyOf(bytes, bytes.length / 2) : bytes);
        open();
        bench.awaitStart(id);
        assertThat(bench.job(id).path("error").path("message").asText()).contains("stands on");
    }

    @Test
    void aSuffixMustLeaveRoomForTheNamesOfCheckpoints() throws IOException {
        String suffix = "s".repeat(64);
        assertThat(bench.status(bench.create(",\"suffix\":\"" + suffix + "\""))).isEqualTo("queued");
        bench.close();
        String longName = "m".repeat(40);
        bench = JobBench.openWithOtherModel(root.resolve("data"), longName);
        assertThatThrownBy(() -> bench.create(",\"suffix\":\"" + suffix + "\""))
                .cause()
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("'suffix'");
    }

    /** OpenAI's limits: all jobs are in memory, and a start reads them all. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"k\":\"VALUE\"}",
                "{\"KEY\":\"v\"}",
                "{\"k\":1}",
                "{\"k\":{}}",
                "{\"k\":null}",
                "{PAIRS}",
            })
    void metadataIsLimited(String metadata) {
        String pairs =
                IntStream.range(0, 17).mapToObj(i -> "\"k" + i + "\":\"v\"").collect(Collectors.joining(","));
        String filled = metadata.replace("VALUE", "v".repeat(513))
                .replace("KEY", "k".repeat(65))
                .replace("PAIRS", pairs);
        assertThatThrownBy(() -> bench.create(",\"metadata\":" + filled))
                .cause()
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.param()).isEqualTo("metadata"));
        assertThat(bench.jobs.list(TenantId.DEFAULT).join()).isEmpty();
    }

    @Test
    void metadataWithinItsLimitsComesBack() throws IOException {
        String largest = "{\"" + "k".repeat(64) + "\":\"" + "v".repeat(512) + "\"}";
        String id = bench.create(",\"metadata\":" + largest);
        assertThat(bench.job(id).path("metadata")).hasToString(largest);
    }

    @Test
    void aRequestThatCannotBeKeptIsRefused() {
        String unused = ",\"hyperparameters\":{\"x\":\"" + "x".repeat(70_000) + "\"}";
        assertThatThrownBy(() -> bench.create(unused + ",\"method\":{\"type\":\"supervised\",\"supervised\":{"
                        + "\"hyperparameters\":{\"n_epochs\":1}}}"))
                .cause()
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("65536 characters");
    }

    @Test
    void jobsThatAreMoreThanMayWaitAreRefusedWhenTheyAreCreated() throws IOException {
        String first = bench.create("");
        bench.create("");
        String third = bench.create("");
        assertTooMany(() -> bench.jobs.create(TenantId.DEFAULT, bench.request("")));
        bench.jobs.pause(TenantId.DEFAULT, first).join();
        String fourth = bench.create("");
        assertTooMany(() -> bench.jobs.resume(TenantId.DEFAULT, first));
        assertThat(bench.status(first)).isEqualTo("paused");
        bench.succeed(third, 1);
        bench.jobs.resume(TenantId.DEFAULT, first).join();
        assertThat(bench.status(fourth)).isEqualTo("queued");
        assertTooMany(() -> bench.jobs.create(TenantId.DEFAULT, bench.request("")));
        assertThat(bench.jobs.list(TenantId.DEFAULT).join()).hasSize(4);
    }

    @Test
    void usersShareThePlacesForWaitingJobs() throws IOException {
        List<String> flood = new ArrayList<>();
        for (int i = 0; i < bench.engine.mostJobs(); i++) {
            flood.add(bench.create(",\"user\":\"flood\""));
        }
        assertTooMany(() -> bench.jobs.create(TenantId.DEFAULT, bench.request(",\"user\":\"flood\"")));
        String drop = bench.create(",\"user\":\"drop\"");
        String newest = flood.get(flood.size() - 1);
        assertThat(bench.status(newest)).isEqualTo("paused");
        assertThat(bench.said(newest, "warn"))
                .singleElement()
                .asString()
                .contains("scheduler.max-queued-jobs", "Resume");
        assertThat(bench.engine.has(newest)).isFalse();
        assertThat(bench.status(drop)).isEqualTo("queued");
        // One of both would hold as many as the other.
        assertTooMany(() -> bench.jobs.create(TenantId.DEFAULT, bench.request(",\"user\":\"drop\"")));
        assertTooMany(() -> bench.jobs.resume(TenantId.DEFAULT, newest));
        bench.succeed(drop, 1);
        bench.jobs.resume(TenantId.DEFAULT, newest).join();
        bench.awaitStart(newest);
        for (String id : flood) {
            bench.engine.sink(id).start();
            assertThat(bench.status(id)).isEqualTo("running");
        }
        // What trains stays.
        assertTooMany(() -> bench.jobs.create(TenantId.DEFAULT, bench.request(",\"user\":\"drop\"")));
    }

    private interface Request {
        CompletableFuture<ObjectNode> send() throws IOException;
    }

    private static void assertTooMany(Request request) {
        assertThatThrownBy(() -> request.send().join())
                .cause()
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.status()).isEqualTo(429))
                .hasMessageContaining("max-queued-jobs");
    }

    @Test
    void aJobThatHasEndedCanBeDeletedAndItsModelStays() throws IOException {
        String id = bench.create("");
        assertThatThrownBy(() -> bench.jobs.delete(TenantId.DEFAULT, id).join()).hasMessageContaining("cancel it");
        String name = bench.succeed(id, 1).path("fine_tuned_model").asText();
        assertThat(bench.jobs
                        .delete(TenantId.DEFAULT, id)
                        .join()
                        .path("deleted")
                        .asBoolean())
                .isTrue();
        assertThatThrownBy(() -> bench.job(id)).hasCauseInstanceOf(ApiException.class);
        assertThat(bench.folder(id)).doesNotExist();
        reopen();
        assertThat(bench.jobs.list(TenantId.DEFAULT).join()).isEmpty();
        assertThat(bench.library.names()).containsExactly(name);
    }

    @Test
    void trainedAdaptersNameTheirBaseModel() throws IOException {
        String id = bench.create("");
        assertThat(bench.engine.work(id).orElseThrow().method().config().baseModel())
                .isEqualTo("tiny");
    }

    @Test
    void checkpointsThatTheStorageIsTooSlowForDoNotFillTheHeap() throws IOException {
        String id = bench.create("");
        byte[] state = new byte[100 << 20];
        CountDownLatch written = new CountDownLatch(1);
        bench.documents.refuse(change -> {
            try {
                written.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return false;
        });
        JobSink sink = bench.engine.sink(id);
        for (int step = 1; step <= 4; step++) {
            sink.checkpoint(JobBench.checkpoint(step, state));
        }
        written.countDown();
        engineSays(id, late -> late.checkpoint(JobBench.checkpoint(5)));
        assertThat(bench.said(id, "warn"))
                .hasSize(2)
                .first()
                .asString()
                .startsWith("There is no checkpoint at step 3")
                .contains("checkpoint_every");
        assertThat(bench.said(id, "info").stream().filter(message -> message.startsWith("Checkpoint")))
                .extracting(message -> message.substring(0, 20))
                .containsExactlyInAnyOrder("Checkpoint at step 1", "Checkpoint at step 2", "Checkpoint at step 5");
    }

    private void engineSays(String id, Consumer<JobSink> news) {
        news.accept(bench.engine.sink(id));
        bench.job(id);
    }
}
