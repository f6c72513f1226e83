package io.tandem.loadtest.crash;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;

/** Creates and cancels batches. */
final class BatchActor extends Actor {
    private static final String BATCHES = "/v1/batches";
    private static final Set<String> ENDED = Set.of("completed", "cancelled", "expired", "failed");
    private static final int MOST_ROWS = 40;
    private static final int MOST_OPEN = 3;
    private static final int POLL_MILLIS = 100;
    private static final long FINISH_POLLS = 3000;

    private final Random random;
    private final Path directory;
    /** What is known of the batches that were acknowledged. */
    private final Map<String, Known> batches = new LinkedHashMap<>();
    /** The batch whose cancellation is on its way; empty if none is. */
    private String cancelling = "";

    /**
     * @param rows of the input
     * @param answered rows that the server has counted
     */
    private record Known(int rows, int answered, boolean cancelled) {}

    /** @param directory for what is sent */
    BatchActor(long seed, Path directory, Acknowledged acknowledged, Tally tally) {
        super(acknowledged, tally);
        this.random = new Random(seed);
        this.directory = directory;
    }

    @Override
    void act(ApiClient client) throws IOException, InterruptedException {
        int open = 0;
        for (Map.Entry<String, Known> entry : Map.copyOf(batches).entrySet()) {
            JsonNode batch = client.get(BATCHES + "/" + entry.getKey());
            open += ENDED.contains(batch.path("status").asText()) ? 0 : 1;
            look(entry.getKey(), batch);
        }
        if (open > MOST_OPEN) {
            Thread.sleep(POLL_MILLIS);
        } else {
            create(client);
        }
    }

    private Known known(String id) {
        return Objects.requireNonNull(batches.get(id), id);
    }

    /** Remembers how far a batch is, which it may never be less. */
    private void look(String id, JsonNode batch) {
        Known before = known(id);
        JsonNode counts = batch.path("request_counts");
        int answered = counts.path("completed").asInt() + counts.path("failed").asInt();
        tally().require(answered >= before.answered(), "batch " + id + " has lost answers");
        batches.put(id, new Known(before.rows(), answered, before.cancelled()));
    }

    private void create(ApiClient client) throws IOException, InterruptedException {
        int rows = 1 + random.nextInt(MOST_ROWS);
        StringBuilder input = new StringBuilder();
        for (int i = 0; i < rows; i++) {
            input.append("{\"custom_id\": \"")
                    .append(i)
                    .append("\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": {\"model\": \"")
                    .append(client.get("/v1/models").at("/data/0/id").asText())
                    .append("\", \"prompt\": \"One\", \"max_tokens\": 20}}\n");
        }
        Path file = Files.writeString(directory.resolve("rows"), input);
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put(
                "input_file_id",
                client.upload("/v1/files", Map.of("purpose", "batch"), List.of(file))
                        .path("id")
                        .asText());
        body.put("endpoint", "/v1/completions").put("completion_window", "24h");
        String id = client.post(BATCHES, body).path("id").asText();
        batches.put(id, new Known(rows, 0, false));
        acknowledged().add("batch created", id);
        if (random.nextInt(4) == 0) {
            cancel(client, id);
        }
    }

    private void cancel(ApiClient client, String id) throws IOException, InterruptedException {
        cancelling = id;
        try {
            client.post(BATCHES + "/" + id + "/cancel", ApiClient.JSON.createObjectNode());
            batches.put(id, new Known(known(id).rows(), 0, true));
            acknowledged().add("batch cancelled", id);
        } catch (StatusException e) {
            // It has ended meanwhile.
        }
        cancelling = "";
    }

    @Override
    void check(ApiClient client) throws IOException, InterruptedException {
        for (String id : Set.copyOf(batches.keySet())) {
            if (isGone(client, BATCHES + "/" + id)) {
                tally().fail("batch " + id + " was acknowledged and is gone");
                batches.remove(id);
                continue;
            }
            JsonNode batch = client.get(BATCHES + "/" + id);
            String status = batch.path("status").asText();
            boolean cancelled = status.equals("cancelling") || status.equals("cancelled");
            if (id.equals(cancelling) && cancelled) {
                batches.put(id, new Known(known(id).rows(), 0, true));
            }
            tally().require(!known(id).cancelled() || cancelled, "batch " + id + " was cancelled and is " + status);
            if (!status.equals("validating") && !cancelled) {
                look(id, batch);
            }
            acknowledged().checked(id);
        }
        cancelling = "";
    }

    /** Waits until all batches have ended, and counts their answers. */
    void finish(ApiClient client) throws IOException, InterruptedException {
        for (Map.Entry<String, Known> entry : batches.entrySet()) {
            JsonNode batch = client.get(BATCHES + "/" + entry.getKey());
            for (long i = 0;
                    i < FINISH_POLLS && !ENDED.contains(batch.path("status").asText());
                    i++) {
                Thread.sleep(POLL_MILLIS);
                batch = client.get(BATCHES + "/" + entry.getKey());
            }
            String status = batch.path("status").asText();
            boolean whole = status.equals("completed");
            tally().require(
                            whole
                                    || (status.equals("cancelled")
                                            && entry.getValue().cancelled()),
                            "batch " + entry.getKey() + " ended as " + status);
            int lines = lines(client, entry.getKey(), batch.path("output_file_id"));
            tally().require(
                            !whole || lines == entry.getValue().rows(),
                            "batch " + entry.getKey() + " has " + lines + " answers to "
                                    + entry.getValue().rows() + " rows");
            tally().count("batches with every answer once");
        }
    }

    private int lines(ApiClient client, String id, JsonNode file) throws IOException, InterruptedException {
        if (!file.isTextual()) {
            return 0;
        }
        String content = new String(client.content("/v1/files/" + file.asText() + "/content"), StandardCharsets.UTF_8);
        Set<String> seen = new HashSet<>();
        for (String line : content.lines().toList()) {
            String row = ApiClient.JSON.readTree(line).path("custom_id").asText();
            tally().require(seen.add(row), "batch " + id + " answered row " + row + " twice");
        }
        return seen.size();
    }
}
