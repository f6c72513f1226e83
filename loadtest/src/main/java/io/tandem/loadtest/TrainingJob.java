package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** A fine-tuning job of a server. */
public record TrainingJob(ApiClient client, String id) {
    private static final long POLL_MILLIS = 500;
    private static final long STEP_MILLIS = 20;

    /** @param body of the request, as the API has it */
    public static TrainingJob start(ApiClient client, ObjectNode body) throws IOException, InterruptedException {
        return new TrainingJob(
                client, client.post("/v1/fine_tuning/jobs", body).path("id").asText());
    }

    /**
     * Waits for its end.
     *
     * @param news gets the last event again and again
     * @return the new model's name
     * @throws IOException if the job does not succeed
     */
    public String await(Consumer<JsonNode> news) throws IOException, InterruptedException {
        while (true) {
            JsonNode state = client.get("/v1/fine_tuning/jobs/" + id);
            news.accept(events(1).path(0));
            if (!state.path("finished_at").isNull()) {
                requireSuccess(state);
                return state.path("fine_tuned_model").asText();
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    private static void requireSuccess(JsonNode state) throws IOException {
        if (!state.path("status").asText().equals("succeeded")) {
            throw new IOException(
                    "the job failed: " + state.path("error").path("message").asText());
        }
    }

    /**
     * Waits for its first step.
     *
     * @throws IOException if the job fails before
     */
    public void awaitStep() throws IOException, InterruptedException {
        while (steps() == 0) {
            JsonNode state = client.get("/v1/fine_tuning/jobs/" + id);
            if (!state.path("finished_at").isNull()) {
                requireSuccess(state);
            }
            Thread.sleep(STEP_MILLIS);
        }
    }

    /** How many are done. */
    public int steps() throws IOException, InterruptedException {
        for (JsonNode event : events(20)) {
            if (event.path("type").asText().equals("metrics")) {
                return event.at("/data/step").asInt();
            }
        }
        return 0;
    }

    /** Ends it early; its checkpoints stay. */
    public void cancel() throws IOException, InterruptedException {
        client.post("/v1/fine_tuning/jobs/" + id + "/cancel", ApiClient.JSON.createObjectNode());
    }

    /** The adapters of its checkpoints, the newest first. */
    public List<String> checkpoints() throws IOException, InterruptedException {
        List<String> names = new ArrayList<>();
        client.get("/v1/fine_tuning/jobs/" + id + "/checkpoints")
                .path("data")
                .forEach(checkpoint ->
                        names.add(checkpoint.path("fine_tuned_model_checkpoint").asText()));
        return names;
    }

    /** The last events, the newest first. */
    JsonNode events(int limit) throws IOException, InterruptedException {
        return client.get("/v1/fine_tuning/jobs/" + id + "/events?limit=" + limit)
                .path("data");
    }
}
