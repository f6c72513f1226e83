package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.storage.blob.TestS3;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server whose blobs are in an S3-compatible store: either of them may end at any time. */
@Timeout(300)
class S3IT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int WINDOW = 48;
    private static final ModelConfig MODEL =
            TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).config();

    @TempDir
    private Path directory;

    private TestS3 store;

    @BeforeEach
    void start(@TempDir Path objects) throws IOException {
        store = TestS3.start(objects);
        System.setProperty(RunningServer.BLOBS, store.address("tandem"));
    }

    @AfterEach
    void stop() {
        System.clearProperty(RunningServer.BLOBS);
        if (store != null) {
            store.close();
        }
    }

    private static String body(String file) {
        return body(file, 40, 50);
    }

    private static String body(String file, int epochs, int checkpointEvery) {
        return "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"seed\":5,\"hyperparameters\":{\"n_epochs\":"
                + epochs + ",\"batch_size\":4,\"checkpoint_every\":" + checkpointEvery + "}}";
    }

    @Test
    void jobsAndRequestsGoOnWhileEitherStartsAnew() throws Exception {
        Adapter undisturbed;
        String second;
        String third;
        String text = TrainingFiles.chats(60);
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            String file = server.upload("train.jsonl", text);
            JobClient jobs = new JobClient(server);
            JsonNode first = jobs.ended(jobs.create(body(file)));
            undisturbed = adapter(server, first);
            requireResults(server, first);
            String id = jobs.create(body(file));
            jobs.awaitMessage(id, "Step 8/");
            store.kill();
            assertAwayForAMoment(server, file);
            store.start();
            JsonNode ended = jobs.ended(id);
            assertThat(adapter(server, ended)).usingRecursiveComparison().isEqualTo(undisturbed);
            requireResults(server, ended);
            assertThat(server.get("/v1/files/" + file + "/content").body()).isEqualTo(text);
            second = jobs.create(body(file));
            third = jobs.create(body(file));
        }
        try (ServerProcess killed = ServerProcess.start(directory, WINDOW, 1)) {
            while (!killed.get(JOBS + "/" + second + "/checkpoints").contains("step_number")) {
                Thread.sleep(10);
            }
            store.kill();
        }
        assertThatThrownBy(() -> RunningServer.start(directory, WINDOW, 1))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the bucket s3://bucket/tandem/")
                .hasMessageContaining("cannot be used");
        store.start();
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            JobClient jobs = new JobClient(server);
            for (String id : List.of(second, third)) {
                JsonNode ended = jobs.ended(id);
                assertThat(adapter(server, ended)).usingRecursiveComparison().isEqualTo(undisturbed);
                requireResults(server, ended);
            }
            jobs.awaitMessage(second, "goes on after step");
            for (String id : List.of(second, third)) {
                assertThat(server.delete("/v1/adapters/"
                                        + jobs.job(id).path("fine_tuned_model").asText())
                                .statusCode())
                        .isEqualTo(200);
            }
        }
        // Nothing but copies, and what TensorBoard shows.
        try (Stream<Path> tree = Files.walk(directory.resolve("data"))) {
            assertThat(tree.filter(Files::isRegularFile)
                            .map(path ->
                                    directory.resolve("data").relativize(path).toString())
                            .filter(path -> !path.startsWith("documents.db") && !path.startsWith("scratch/"))
                            .filter(path -> !path.startsWith("jobs/") || path.contains("checkpoint")))
                    .containsExactlyInAnyOrder(".lock", "uploads");
        }
    }

    private Adapter adapter(RunningServer server, JsonNode job) throws Exception {
        String name = job.path("fine_tuned_model").asText();
        String hash = server.json(server.get("/v1/adapters/" + name))
                .path("versions")
                .path(0)
                .path("hash")
                .asText();
        List<Path> files = store.objects("tandem/objects/adapters/" + name.replace(":", "%3A") + "/" + hash);
        return PeftFormat.read(files.get(0).getParent(), MODEL, 16);
    }

    private static void requireResults(RunningServer server, JsonNode job) throws Exception {
        assertThat(job.path("status").asText()).isEqualTo("succeeded");
        String file = job.path("result_files").path(0).asText();
        assertThat(server.get("/v1/files/" + file + "/content").body()).startsWith("step,");
    }

    /** The job goes on meanwhile, and requests are answered with what is in memory. */
    private static void assertAwayForAMoment(RunningServer server, String file) throws Exception {
        HttpResponse<String> away = server.get("/v1/files/" + file + "/content");
        assertThat(away.statusCode()).isEqualTo(503);
        assertThat(away.headers().firstValue("Retry-After")).isPresent();
        assertThat(AdapterClient.error(away).path("code").asText()).isEqualTo("storage_unavailable");
        assertThat(AdapterClient.error(away).path("message").asText()).contains("object store does not answer");
        assertThat(server.tryUpload("b.jsonl", TrainingFiles.chats(2)).statusCode())
                .isEqualTo(503);
        assertThat(server.post(JOBS, body(file)).statusCode()).isEqualTo(503);
        assertThat(server.get("/v1/files/" + file).statusCode()).isEqualTo(200);
        while (!server.get("/metrics").body().contains("\ntandem_jobs_open 0.0\n")) {
            Thread.sleep(10);
        }
        assertThat(server.post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"abc\",\"max_tokens\":4}")
                        .statusCode())
                .isEqualTo(200);
        assertThat(server.get("/ready").statusCode()).isEqualTo(200);
    }

    /** What is damaged is missing, and nothing else is. */
    @Test
    void damagedObjectsKeepNoServerFromStarting() throws Exception {
        String damaged;
        String whole;
        String text = TrainingFiles.chats(12);
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            damaged = server.upload("a.jsonl", text);
            whole = server.upload("b.jsonl", text);
            JobClient jobs = new JobClient(server);
            jobs.ended(jobs.create(body(whole, 2, 2)));
        }
        for (Path object : store.objects("tandem")) {
            if (object.toString().contains("/store/") || object.toString().contains("/adapters/")) {
                Files.writeString(object, "{");
            }
        }
        for (Path manifest : store.objects("tandem/manifests/files/" + damaged)) {
            Files.writeString(manifest, "{");
        }
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            assertThat(server.get("/v1/files/" + damaged + "/content").statusCode())
                    .isEqualTo(500);
            assertThat(server.get("/v1/files/" + whole + "/content").body()).isEqualTo(text);
            String adapter = server.json(server.get("/v1/models"))
                    .path("data")
                    .path(1)
                    .path("id")
                    .asText();
            HttpResponse<String> refused = server.post(
                    "/v1/completions", "{\"model\":\"" + adapter + "\",\"prompt\":\"abc\",\"max_tokens\":4}");
            assertThat(refused.statusCode()).as(refused.body()).isEqualTo(409);
            JobClient jobs = new JobClient(server);
            JsonNode job = jobs.ended(jobs.create(body(whole, 2, 2)));
            assertThat(job.path("status").asText()).isEqualTo("succeeded");
            assertThat(server.delete("/v1/files/" + damaged).statusCode()).isEqualTo(200);
        }
        assertThat(store.objects("tandem/objects/files/" + damaged)).isEmpty();
    }
}
