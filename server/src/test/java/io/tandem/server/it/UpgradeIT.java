package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.storage.EarlierData;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The data directory of version 0.1.0, which kept every document in a file, under this server. */
@Timeout(120)
class UpgradeIT {
    private static final String JOBS = "/v1/fine_tuning/jobs/";
    private static final String DONE = "ftjob-fc61c9fa549a40109b0059c6";
    private static final String PAUSED = "ftjob-3345aab00c384b75899c4593";
    private static final String ENDED = "batch_49038a96670d462c8238e75c";
    private static final String BEGUN = "batch_e8625937e9bd45c88d34c7e5";

    @TempDir
    private Path directory;

    @Test
    void everythingIsThereAndGoesOn() throws Exception {
        Path data = directory.resolve("data");
        EarlierData.unpack(directory);
        try (RunningServer server = RunningServer.start(directory)) {
            assertEverything(server);
            assertThat(server.post(JOBS + PAUSED + "/resume", "{}").statusCode())
                    .isEqualTo(200);
            BatchRequests batches = new BatchRequests(server);
            JsonNode batch = batches.awaitEnd(BEGUN);
            assertThat(ids(batches, batch, "output_file_id", "error_file_id")).hasSize(200);
            new JobClient(server).succeeded(PAUSED);
            assertThat(server.get(JOBS + PAUSED + "/events?limit=1000").body()).contains("goes on after step 24");
        }
        assertThat(data.resolve("uploads")).as("earlier servers refuse this").isRegularFile();
        assertThat(data.resolve("upgraded/jobs/" + DONE + "/job.json")).exists();
        assertThat(data.resolve("upgrading")).doesNotExist();
        try (RunningServer again = RunningServer.start(directory)) {
            assertEverything(again);
        }
    }

    private static Set<String> ids(BatchRequests batches, JsonNode batch, String... files) throws Exception {
        Set<String> ids = new HashSet<>();
        for (String file : files) {
            if (!batch.path(file).isNull()) {
                batches.lines(batch.path(file))
                        .forEach(line -> ids.add(line.path("custom_id").asText()));
            }
        }
        return ids;
    }

    private static void assertEverything(RunningServer server) throws Exception {
        JsonNode done = server.json(server.get(JOBS + DONE));
        assertThat(done.path("status").asText()).isEqualTo("succeeded");
        assertThat(server.get("/v1/files/" + done.path("training_file").asText() + "/content")
                        .body()
                        .lines())
                .hasSize(16);
        assertThat(server.get("/v1/files/" + done.path("result_files").path(0).asText() + "/content")
                        .body()
                        .lines())
                .hasSize(9);
        assertThat(server.json(server.get(JOBS + DONE + "/checkpoints")).path("data"))
                .hasSize(2);
        assertThat(server.get(JOBS + DONE + "/events?limit=1000").body()).contains("The job has succeeded", "Step 8/8");
        String model = done.path("fine_tuned_model").asText();
        for (String name : new String[] {model, model + ":ckpt-step-4"}) {
            assertThat(server.post(
                                    "/v1/completions",
                                    "{\"model\":\"" + name + "\",\"prompt\":\"abc\",\"max_tokens\":4}")
                            .statusCode())
                    .as(name)
                    .isEqualTo(200);
        }
        JsonNode ended = server.json(server.get(BatchRequests.BATCHES + "/" + ENDED));
        assertThat(ids(new BatchRequests(server), ended, "output_file_id")).hasSize(3);
        assertThat(server.get("/v1/organization/projects").body()).contains("acme");
        // The first of January.
        JsonNode usage =
                server.json(server.get("/v1/organization/usage/completions?start_time=1767225600&end_time=1767312000"));
        assertThat(usage.findValue("num_model_requests").asInt()).isEqualTo(3);
    }
}
