package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Batches of a server. */
record BatchRequests(RunningServer server) {
    static final String BATCHES = "/v1/batches";
    private static final Set<String> ENDED = Set.of("completed", "failed", "expired", "cancelled");

    /** A line of the input. */
    static String line(String customId, String url, String body) {
        return "{\"custom_id\":\"" + customId + "\",\"method\":\"POST\",\"url\":\"" + url + "\",\"body\":" + body
                + "}\n";
    }

    /** The body of a completion with so many tokens. */
    static String completion(String model, int tokens, int seed) {
        return "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":" + tokens + ",\"seed\":" + seed
                + ",\"ignore_eos\":true}";
    }

    /** So many completions. */
    static String completions(int rows, int tokens) {
        return IntStream.range(0, rows)
                .mapToObj(i -> line("row-" + i, "/v1/completions", completion("tiny", tokens, i)))
                .collect(Collectors.joining());
    }

    String upload(String content) throws Exception {
        return server.json(server.tryUpload("rows.jsonl", "batch", content))
                .path("id")
                .asText();
    }

    static String request(String file, String endpoint) {
        return "{\"input_file_id\":\"" + file + "\",\"endpoint\":\"" + endpoint + "\",\"completion_window\":\"24h\"}";
    }

    /** Creates a batch of completions; returns its id. */
    String create(String content) throws Exception {
        return server.json(server.post(BATCHES, request(upload(content), "/v1/completions")))
                .path("id")
                .asText();
    }

    JsonNode get(String id) throws Exception {
        return server.json(server.get(BATCHES + "/" + id));
    }

    JsonNode awaitEnd(String id) throws Exception {
        JsonNode batch = get(id);
        while (!ENDED.contains(batch.path("status").asText())) {
            Thread.sleep(20);
            batch = get(id);
        }
        return batch;
    }

    /** Waits until so many rows have been answered; there have to be more. */
    void awaitRows(String id, int rows) throws Exception {
        while (get(id).path("request_counts").path("completed").asInt() < rows) {
            assertThat(get(id).path("status").asText()).isIn("validating", "in_progress");
            Thread.sleep(5);
        }
    }

    /** The lines of a file of results. */
    List<JsonNode> lines(JsonNode file) throws Exception {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : server.get("/v1/files/" + file.asText() + "/content")
                .body()
                .lines()
                .toList()) {
            lines.add(JsonBody.MAPPER.readTree(line));
        }
        return lines;
    }
}
