package io.tandem.server.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Searches whose engine does what the test says. Each has 2 trials of 1 epoch, and then one of 2. */
@Timeout(60)
class TrialRunTest {
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

    private JsonBody request(String space) throws IOException {
        String file = bench.upload();
        return bench.request(
                file,
                ",\"validation_file\":\"" + file
                        + "\",\"method\":{\"type\":\"search\",\"search\":{\"trials\":2,\"space\":{" + space
                        + "},\"hyperparameters\":{\"n_epochs\":2,\"batch_size\":4}}}");
    }

    private String create() throws IOException {
        ObjectNode job =
                bench.jobs.create(TenantId.DEFAULT, request("\"rank\":[1,2]")).join();
        bench.awaitStart(job.path("id").asText());
        return job.path("id").asText();
    }

    /** A trial comes to its end. */
    private void evaluate(String id, double loss) {
        int step = bench.engine.work(id).orElseThrow().lastStep();
        JobSink sink = bench.engine.sink(id);
        JobCheckpoint checkpoint = JobBench.checkpoint(step);
        sink.start();
        sink.measured(new JobSink.Measured(
                step,
                new Scores(loss, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty()),
                new TreeMap<>()));
        sink.checkpoint(checkpoint);
        bench.engine.end(id, new JobOutcome.Succeeded(checkpoint.adapter(), step, false));
        bench.awaitStart(id);
    }

    private void fail(String id) {
        bench.engine.end(id, new JobOutcome.Failed("it overflowed"));
        bench.awaitStart(id);
    }

    private List<Integer> evaluations(String id) {
        ObjectNode job = bench.job(id);
        return IntStream.range(0, job.at("/search/trials").size())
                .mapToObj(i -> job.at("/search/trials/" + i + "/evaluations").size())
                .collect(Collectors.toList());
    }

    @Test
    void aTrialThatFailsIsLeftOut() throws IOException {
        String id = create();
        fail(id);
        assertThat(evaluations(id)).containsExactly(1);
        evaluate(id, 3);
        assertThat(evaluations(id)).containsExactly(1, 1);
        assertThat(bench.resumedStep(id)).isEqualTo(2);
        evaluate(id, 2.5);
        ObjectNode job = bench.job(id);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        assertThat(evaluations(id)).containsExactly(1, 2);
        assertThat(job.at("/search/best_trial").asInt()).isEqualTo(2);
        assertThat(bench.said(id, "warn")).singleElement().asString().contains("Trial 1/2", "it overflowed");
    }

    /** The model is what had the smallest loss, not what was trained last. */
    @Test
    void aTrialThatGetsWorseCountsAsItWas() throws IOException {
        String id = create();
        evaluate(id, 3);
        evaluate(id, 4);
        evaluate(id, 3.5);
        ObjectNode job = bench.job(id);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        assertThat(bench.said(id, "info"))
                .anyMatch(message -> message.contains("trial 1 (peft=lora")
                        && message.contains("after step 2 with validation loss 3.0000"));
    }

    @Test
    void aSearchWithoutAnyGoodTrialFails() throws IOException {
        String id = create();
        fail(id);
        fail(id);
        assertThat(bench.job(id).path("status").asText()).isEqualTo("failed");
        assertThat(bench.job(id).at("/error/message").asText()).contains("all trials of the search failed");
    }

    @Test
    void aTrialThatTheDiskDoesNotTakeIsTrainedAgain() throws IOException {
        String id = create();
        bench.documents.refuse(
                change -> change instanceof Change.Put put && put.collection().equals("checkpoints"));
        evaluate(id, 3);
        assertThat(bench.status(id)).isEqualTo("paused");
        assertThat(bench.said(id, "error")).singleElement().asString().contains("Trial 1/2", "resume");
        assertThat(evaluations(id)).isEmpty();
        bench.documents.makeRoom();
        bench.jobs.resume(TenantId.DEFAULT, id).join();
        bench.awaitStart(id);
        evaluate(id, 3);
        evaluate(id, 4);
        evaluate(id, 2);
        assertThat(bench.status(id)).isEqualTo("succeeded");
    }

    /** Memory is for the largest trial. */
    @Test
    void anAdapterThatDoesNotFitIsRefusedBeforeAnythingTrains() throws IOException {
        bench.close();
        bench = JobBench.open(root.resolve("other"));
        String body = ",\"method\":{\"type\":\"supervised\",\"supervised\":{\"hyperparameters\":{\"rank\":1}}}";
        long small = bench.jobBytes(bench.request(body));
        bench.close();
        bench = JobBench.openWithMemory(root.resolve("other"), small);
        String rates = ",\"learning_rate\":{\"min\":0.001,\"max\":0.002}";
        bench.jobs.create(TenantId.DEFAULT, request("\"rank\":[1]" + rates)).join();
        assertThat(bench.jobs.create(TenantId.DEFAULT, request("\"rank\":[1,2]" + rates)))
                .failsWithin(Duration.ofSeconds(10))
                .withThrowableThat()
                .withMessageContaining("training-memory-bytes");
    }
}
