package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.function.Consumer;

/** A fine-tuning job of a server. */
record TrainingJob(ApiClient client, String id) {
    private static final long POLL_MILLIS = 500;

    /** @param body of the request, as the API has it */
    static TrainingJob start(ApiClient client, ObjectNode body) throws IOException, InterruptedException {
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
    String await(Consumer<JsonNode> news) throws IOException, InterruptedException {
        while (true) {
            JsonNode state = client.get("/v1/fine_tuning/jobs/" + id);
            news.accept(events(1).path(0));
            if (!state.path("finished_at").isNull()) {
                if (!state.path("status").asText().equals("succeeded")) {
                    throw new IOException("the job failed: "
                            + state.path("error").path("message").asText());
                }
                return state.path("fine_tuned_model").asText();
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    /** The last events, the newest first. */
    JsonNode events(int limit) throws IOException, InterruptedException {
        return client.get("/v1/fine_tuning/jobs/" + id + "/events?limit=" + limit)
                .path("data");
    }
}
