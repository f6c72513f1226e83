package io.tandem.server.it;

import static io.tandem.server.it.BatchRequests.completions;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.BatchesConfig;
import io.tandem.server.storage.StoredData;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Batches outlive their server, however it ends. */
@Timeout(120)
class BatchRestartIT {
    /** So many that a test looks, or a server is killed, before the last one on a busy machine too. */
    private static final int MANY = 400;

    private static final int TOKENS = 40;
    private static final int ATTEMPTS = 5;

    @TempDir
    private Path directory;

    private Path file(String id, String name) {
        return directory.resolve("data/batches").resolve(id).resolve(name);
    }

    private static Map<String, String> texts(List<JsonNode> lines) {
        Map<String, String> texts = new TreeMap<>();
        for (JsonNode line : lines) {
            String text = line.path("response")
                    .path("body")
                    .path("choices")
                    .path(0)
                    .path("text")
                    .asText();
            assertThat(texts.put(line.path("custom_id").asText(), text))
                    .as("a second answer")
                    .isNull();
        }
        return texts;
    }

    @Test
    void aKilledServersBatchEndsAsIfNothingHadHappened() throws Exception {
        Map<String, String> undisturbed;
        String id;
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            JsonNode whole = batches.awaitEnd(batches.create(completions(MANY, TOKENS)));
            undisturbed = texts(batches.lines(whole.path("output_file_id")));
            assertThat(undisturbed).hasSize(MANY);
        }
        id = killedInTheMidst();
        // A line that is damaged.
        StoredData.append(directory.resolve("data"), "results/" + id + "/output.jsonl", "{\"id\":\"batch_req_");
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            JsonNode batch = batches.awaitEnd(id);
            assertThat(batch.path("status").asText()).isEqualTo("completed");
            assertThat(batch.path("request_counts").path("completed").asInt()).isEqualTo(MANY);
            requireSame(texts(batches.lines(batch.path("output_file_id"))), undisturbed);
            assertThat(directory.resolve("data/batches")).isEmptyDirectory();
            assertThat(lines(id)).isZero();
        }
    }

    /** A batch that ended before the server was killed was not harmed, so another takes its place. */
    private String killedInTheMidst() throws Exception {
        for (int i = 0; i < ATTEMPTS; i++) {
            String id;
            try (RunningServer server = RunningServer.start(directory)) {
                BatchRequests batches = new BatchRequests(server);
                id = batches.create(completions(MANY, TOKENS));
                batches.awaitRows(id, 1);
            }
            int now;
            try (ServerProcess server = ServerProcess.start(directory, 0, 1)) {
                int before = completed(server, id);
                now = before;
                while (now == before && now < MANY) {
                    Thread.sleep(2);
                    now = completed(server, id);
                }
            }
            String status = JsonBody.MAPPER
                    .readTree(StoredData.read(directory.resolve("data"), "batches", id))
                    .path("status")
                    .asText();
            if (status.equals("in_progress")) {
                assertThat(lines(id))
                        .as("rows that were counted are on the disk: %d of %d", now, MANY)
                        .isPositive();
                return id;
            }
            assertThat(status).isIn("finalizing", "completed");
        }
        throw new AssertionError("each of " + ATTEMPTS + " batches had ended before its server was killed");
    }

    /**
     * Every row is there, with its own text. What a row rounds to depends on who is in its iterations, which a kill
     * changes, and a token that is drawn at the border of two can then be the other one: that happens to one row in many
     * thousand tokens, and rows that are lost, doubled or confused would be more.
     */
    private static void requireSame(Map<String, String> texts, Map<String, String> undisturbed) {
        assertThat(texts).containsOnlyKeys(undisturbed.keySet());
        assertThat(texts.entrySet())
                .filteredOn(row -> !row.getValue().equals(undisturbed.get(row.getKey())))
                .hasSizeLessThanOrEqualTo(MANY / 100);
    }

    private int lines(String id) throws Exception {
        return StoredData.lines(directory.resolve("data"), "results/" + id + "/output.jsonl");
    }

    private static int completed(ServerProcess server, String id) throws Exception {
        JsonNode batch = JsonBody.MAPPER.readTree(server.get(BatchRequests.BATCHES + "/" + id));
        return batch.path("request_counts").path("completed").asInt();
    }

    @Test
    void whatIsNotDoneInTimeExpires() throws Exception {
        String id;
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            id = batches.create(completions(600, 100));
            batches.awaitRows(id, 1);
        }
        ObjectNode stored =
                (ObjectNode) JsonBody.MAPPER.readTree(StoredData.read(directory.resolve("data"), "batches", id));
        assertThat(stored.path("expires_at").asLong())
                .isEqualTo(stored.path("created_at").asLong() + 86_400);
        String expired = stored.put("expires_at", 1).toString();
        StoredData.change(directory.resolve("data"), "batches", id, body -> expired);
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            JsonNode batch = batches.awaitEnd(id);
            assertThat(batch.path("status").asText()).isEqualTo("expired");
            List<JsonNode> answered = batches.lines(batch.path("output_file_id"));
            List<JsonNode> late = batches.lines(batch.path("error_file_id"));
            assertThat(answered.size() + late.size()).isEqualTo(600);
            assertThat(late)
                    .allMatch(line -> line.path("error").path("code").asText().equals("batch_expired"))
                    .allMatch(line -> line.path("response").isNull());
            Set<String> ids = new HashSet<>();
            answered.forEach(line -> ids.add(line.path("custom_id").asText()));
            late.forEach(line -> ids.add(line.path("custom_id").asText()));
            assertThat(ids).hasSize(600);
        }
    }

    /** A file where a directory has to be takes no file, just as a full disk does. */
    @Test
    void whatTheDiskDoesNotTakeIsWrittenLater() throws Exception {
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            String file = batches.upload(completions(MANY, TOKENS));
            String request = BatchRequests.request(file, "/v1/completions");
            Path folder = directory.resolve("data/batches");
            Path away = Files.move(folder, directory.resolve("away"));
            Files.writeString(folder, "in the way");
            HttpResponse<String> answer = server.post(BatchRequests.BATCHES, request);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(507);
            Files.delete(folder);
            Files.move(away, folder);
            assertThat(server.json(server.get(BatchRequests.BATCHES)).path("data"))
                    .isEmpty();

            String id = server.json(server.post(BatchRequests.BATCHES, request))
                    .path("id")
                    .asText();
            batches.awaitRows(id, 1);
            folder = directory.resolve("data/files");
            Files.move(folder, away);
            Files.writeString(folder, "in the way");
            while (!batches.get(id).path("status").asText().equals("finalizing")) {
                Thread.sleep(5);
            }
            assertThat(batches.get(id).path("output_file_id").isNull()).isTrue();
            Files.delete(folder);
            Files.move(away, folder);
            JsonNode batch = batches.awaitEnd(id);
            assertThat(texts(batches.lines(batch.path("output_file_id")))).hasSize(MANY);
        }
    }

    @Test
    void limitsAreNamed() throws Exception {
        try (RunningServer server = RunningServer.start(directory, new BatchesConfig(3, 1000, 1, 1))) {
            BatchRequests batches = new BatchRequests(server);
            String large = batches.upload(completions(20, 1));
            HttpResponse<String> answer =
                    server.post(BatchRequests.BATCHES, BatchRequests.request(large, "/v1/completions"));
            assertThat(answer.statusCode()).isEqualTo(400);
            assertThat(answer.body()).contains("batches.max-bytes", "input_file_id");
            JsonNode failed = batches.awaitEnd(batches.create(completions(4, 1)));
            assertThat(failed.path("errors").toString()).contains("too_many_tasks", "batches.max-lines");
            String next = batches.upload(completions(1, 1));
            // So much that it is still open when the next one comes.
            String open = batches.create(completions(3, 200).replace("\"max_tokens\"", "\"n\":16,\"max_tokens\""));
            answer = server.post(BatchRequests.BATCHES, BatchRequests.request(next, "/v1/completions"));
            assertThat(answer.statusCode()).isEqualTo(429);
            assertThat(answer.body()).contains("batches.max-open");
            batches.awaitEnd(open);
            assertThat(server.post(BatchRequests.BATCHES, BatchRequests.request(next, "/v1/completions"))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    /** Its object, and its requests. */
    @Test
    void damageHidesNothingButItself() throws Exception {
        String broken;
        String empty;
        String whole;
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            broken = batches.create(completions(MANY, TOKENS));
            empty = batches.create(completions(MANY, TOKENS));
            whole = batches.create(completions(MANY, TOKENS));
        }
        StoredData.change(directory.resolve("data"), "batches", broken, body -> "{\"id\":");
        Files.delete(file(empty, "input"));
        try (RunningServer server = RunningServer.start(directory)) {
            BatchRequests batches = new BatchRequests(server);
            assertThat(batches.awaitEnd(whole).path("status").asText()).isEqualTo("completed");
            JsonNode failed = batches.awaitEnd(empty);
            assertThat(failed.path("status").asText()).isEqualTo("failed");
            assertThat(failed.path("errors").path("data").path(0).path("code").asText())
                    .isEqualTo("input_file_missing");
            assertThat(server.get(BatchRequests.BATCHES + "/" + broken).statusCode())
                    .isEqualTo(404);
            assertThat(StoredData.read(directory.resolve("data"), "batches", broken))
                    .isEqualTo("{\"id\":");
        }
    }
}
