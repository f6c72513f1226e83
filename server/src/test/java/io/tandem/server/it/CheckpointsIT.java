package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.config.FinetuneConfig;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints can be called, stay out of the way, and are kept for as long as the operator wants. */
@Timeout(120)
class CheckpointsIT {
    private static final String JOBS = "/v1/fine_tuning/jobs/";
    private static final String MARK = ":ckpt-step-";

    @TempDir
    private Path directory;

    private static List<String> models(RunningServer server, String query) throws Exception {
        return StreamSupport.stream(
                        server.json(server.get("/v1/models" + query))
                                .path("data")
                                .spliterator(),
                        false)
                .map(model -> model.path("id").asText())
                .toList();
    }

    private static String train(RunningServer server) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        JsonNode job = server.json(server.post(
                "/v1/fine_tuning/jobs",
                "{\"model\":\"tiny\",\"training_file\":\"" + file
                        + "\",\"hyperparameters\":{\"n_epochs\":4,\"batch_size\":4,\"checkpoint_every\":1}}"));
        String path = JOBS + job.path("id").asText();
        while (job.path("finished_at").isNull()) {
            Thread.sleep(20);
            job = server.json(server.get(path));
        }
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return path;
    }

    private static int checkpoints(RunningServer server, String job) throws Exception {
        return server.json(server.get(job + "/checkpoints")).path("data").size();
    }

    @Test
    void checkpointsAreListedOnlyWhenAskedFor() throws Exception {
        try (RunningServer server = RunningServer.start(directory)) {
            train(server);
            assertThat(models(server, "")).hasSize(2).noneMatch(name -> name.contains(MARK));
            List<String> all = models(server, "?include=checkpoints");
            assertThat(all).filteredOn(name -> name.contains(MARK)).hasSize(4);
            for (String name : all) {
                JsonNode card = server.json(server.get("/v1/models/" + name));
                assertThat(card.path("id").asText()).isEqualTo(name);
            }
            HttpResponse<String> refused = server.get("/v1/models?include=everything");
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body()).contains("\"param\":\"include\"");
            assertThat(server.json(server.get("/v1/adapters")).path("data"))
                    .filteredOn(adapter -> adapter.path("checkpoint").asBoolean())
                    .hasSize(4);
        }
    }

    @Test
    void anEndedJobKeepsAsManyCheckpointsAsConfigured() throws Exception {
        String job;
        try (RunningServer server = RunningServer.start(directory, new FinetuneConfig(2))) {
            job = train(server);
            assertThat(checkpoints(server, job)).isEqualTo(2);
            List<String> kept = models(server, "?include=checkpoints");
            assertThat(kept)
                    .filteredOn(name -> name.contains(MARK))
                    .hasSize(2)
                    .allMatch(name -> name.matches(".*step-[34]"));
            String pinned = kept.stream()
                    .filter(name -> name.endsWith("step-3"))
                    .findFirst()
                    .orElseThrow();
            server.json(server.post("/v1/adapters/" + pinned + "/pin", "{\"pinned\":true}"));
        }
        // A smaller number holds for the jobs of earlier runs too, but what is pinned is in use.
        try (RunningServer server = RunningServer.start(directory, new FinetuneConfig(0))) {
            assertThat(checkpoints(server, job)).isZero();
            assertThat(models(server, "?include=checkpoints"))
                    .filteredOn(name -> name.contains(MARK))
                    .hasSize(1)
                    .allMatch(name -> name.endsWith("step-3"));
        }
    }

    @Test
    void aModelHasItsOwnDateAndMayHaveSlashesInItsName() throws Exception {
        try (RunningServer server = RunningServer.start(directory)) {
            AdapterClient adapters = new AdapterClient(server, directory);
            TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
            JsonNode made =
                    adapters.create("org/team/a", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1));
            for (String path : List.of("org/team/a", "org%2Fteam%2Fa")) {
                JsonNode card = server.json(server.get("/v1/models/" + path));
                assertThat(card.path("id").asText()).isEqualTo("org/team/a");
                assertThat(card.path("created").asLong())
                        .isEqualTo(made.path("created").asLong());
            }
            assertThat(server.get("/v1/models/org/team/b").statusCode()).isEqualTo(404);
            assertThat(server.get("/v1/models/").statusCode()).isIn(200, 404);
        }
    }
}
