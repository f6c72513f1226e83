package io.tandem.loadtest.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.StatusException;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a fuzzed server has, so that requests can name it; requests also destroy it, so it is renewed now and then. */
final class World {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String BATCHES = "/v1/batches";
    private static final String PROJECTS = "/v1/organization/projects";
    private static final Set<String> OPEN = Set.of("validating", "in_progress");
    private static final String ADAPTERS = "/v1/adapters";
    private static final String ADAPTER = "first";
    private static final String OTHER = "second";
    private static final String TRAINING = """
            {"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}]}
            {"messages": [{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "2"}]}
            """.repeat(2);
    private static final String ROWS = """
            {"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {"model": "MODEL", "prompt": "One", "max_tokens": 2}}
            {"custom_id": "b", "method": "POST", "url": "/v1/completions", "body": {"model": "first", "prompt": "Two", "stream": true}}
            """;

    private final ApiClient client;
    private final GeneratedAdapter shape;
    private final Path directory;
    private final Map<String, String> names = new LinkedHashMap<>();

    /** @param directory for the files that forms send; it has an adapter in it */
    World(ApiClient client, GeneratedAdapter shape, Path directory) {
        this.client = client;
        this.shape = shape;
        this.directory = directory;
    }

    /** Deletes what requests have left, and makes again what they have deleted. */
    void renew() throws IOException, InterruptedException {
        for (JsonNode job : client.get(JOBS + "?limit=100").path("data")) {
            String path = JOBS + "/" + job.path("id").asText();
            if (job.path("finished_at").isNull()) {
                cancel(path);
            }
            client.delete(path);
        }
        for (JsonNode batch : client.get(BATCHES + "?limit=100").path("data")) {
            if (OPEN.contains(batch.path("status").asText())) {
                cancel(BATCHES + "/" + batch.path("id").asText());
            }
        }
        for (JsonNode adapter : client.get(ADAPTERS + "?limit=1000").path("data")) {
            // Names may have slashes.
            client.delete(ADAPTERS + "/" + URLEncoder.encode(adapter.path("id").asText(), StandardCharsets.UTF_8));
        }
        for (JsonNode file : client.get("/v1/files?limit=1000").path("data")) {
            client.delete("/v1/files/" + file.path("id").asText());
        }
        names.put("model", client.get("/v1/models").at("/data/0/id").asText());
        names.put("file", client.upload(Files.writeString(directory.resolve("train.jsonl"), TRAINING)));
        shape.publish(client, ADAPTER, 1);
        shape.publish(client, ADAPTER, 2);
        shape.publish(client, OTHER, 3);
        names.put("adapter", ADAPTER);
        names.put("id", ADAPTER);
        names.put("other", OTHER);
        names.put(
                "version",
                client.get(ADAPTERS + "/" + ADAPTER).at("/versions/0/hash").asText());
        names.put("rows", rows());
        names.put("batch", batch());
        names.put("job", job());
        names.put("project", project());
        names.put("key", "key_0");
    }

    private void cancel(String path) throws IOException, InterruptedException {
        try {
            client.post(path + "/cancel", ApiClient.JSON.createObjectNode());
        } catch (StatusException e) {
            // It has ended meanwhile.
        }
    }

    /** Uploads a file of requests; returns its id. */
    private String rows() throws IOException, InterruptedException {
        Path file = Files.writeString(directory.resolve("rows.jsonl"), ROWS.replace("MODEL", names.get("model")));
        return client.upload("/v1/files", Map.of("purpose", "batch"), List.of(file))
                .path("id")
                .asText();
    }

    private String batch() throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("input_file_id", names.get("rows"))
                .put("endpoint", "/v1/completions")
                .put("completion_window", "24h");
        return client.post(BATCHES, body).path("id").asText();
    }

    /** A tenant without keys: with the first one, all requests without would be refused. */
    private String project() throws IOException, InterruptedException {
        for (JsonNode known : client.get(PROJECTS + "?limit=1000").path("data")) {
            if (known.path("name").asText().equals("fuzz")) {
                return known.path("id").asText();
            }
        }
        return client.post(PROJECTS, ApiClient.JSON.createObjectNode().put("name", "fuzz"))
                .path("id")
                .asText();
    }

    private String job() throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", names.get("model")).put("training_file", names.get("file"));
        body.putObject("hyperparameters")
                .put("n_epochs", 2)
                .put("batch_size", 4)
                .put("rank", 2);
        return client.post(JOBS, body).path("id").asText();
    }

    /** Ids and names by what they are of. */
    Map<String, String> names() {
        return Map.copyOf(names);
    }

    /** A file that forms send; empty if there is none of that kind. */
    byte[] file(String kind) throws IOException {
        Map<String, String> files = Map.of(
                "training", "train.jsonl",
                "rows", "rows.jsonl",
                "adapter_config", "adapter/adapter_config.json",
                "adapter_model", "adapter/adapter_model.safetensors");
        return files.containsKey(kind) ? Files.readAllBytes(directory.resolve(files.get(kind))) : new byte[0];
    }

    /** @return whether an ordinary question still gets an ordinary answer */
    boolean answers() throws InterruptedException {
        ObjectNode body = ApiClient.JSON
                .createObjectNode()
                .put("model", names.get("model"))
                .put("max_tokens", 3);
        body.putArray("messages").addObject().put("role", "user").put("content", "Hi");
        try {
            return client.post("/v1/chat/completions", body)
                            .at("/usage/completion_tokens")
                            .asInt()
                    > 0;
        } catch (IOException e) {
            return false;
        }
    }

    static Set<String> queryNames() {
        return Set.of("limit", "after", "order", "label", "unknown");
    }
}
