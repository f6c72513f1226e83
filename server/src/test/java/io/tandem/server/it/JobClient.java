package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/** What the tests of jobs ask of a server. */
final class JobClient {
    private static final String JOBS = "/v1/fine_tuning/jobs";

    private final RunningServer server;
    private final ModelConfig model;

    JobClient(RunningServer server, ModelConfig model) {
        this.server = server;
        this.model = model;
    }

    /** @return the job's id */
    String create(String method, String hyperparameters, String rest) throws Exception {
        String body = "{\"model\":\"tiny\",\"seed\":5," + rest + ",\"method\":{\"type\":\"" + method + "\",\"" + method
                + "\":{\"hyperparameters\":{" + hyperparameters + "}}}}";
        return server.json(server.post(JOBS, body)).path("id").asText();
    }

    JsonNode job(String id) throws Exception {
        return server.json(server.get(JOBS + "/" + id));
    }

    /** The job when it has ended, however that was. */
    JsonNode ended(String id) throws Exception {
        while (job(id).path("finished_at").isNull()) {
            Thread.sleep(50);
        }
        return job(id);
    }

    /** Of a type, the oldest first. */
    List<JsonNode> events(String id, String type) throws Exception {
        /** Of a type, the oldest first. */
        List<JsonNode> events = new ArrayList<>();
        server.json(server.get(JOBS + "/" + id + "/events?limit=1000"))
                .path("data")
                .forEach(event -> {
                    if (event.path("type").asText().equals(type)) {
                        events.add(0, event);
                    }
                });
        return events;
    }

    void awaitStep(String id, int step) throws Exception {
        while (events(id, "metrics").stream()
                .noneMatch(event -> event.path("data").path("step").asInt() >= step)) {
            Thread.sleep(20);
        }
    }

    void awaitMessage(String id, String part) throws Exception {
        while (events(id, "message").stream()
                .noneMatch(event -> event.path("message").asText().contains(part))) {
            Thread.sleep(20);
        }
    }

    /** What a job has made that has succeeded. */
    Adapter adapter(JsonNode job) throws Exception {
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return server.adapter(job.path("fine_tuned_model").asText(), model);
    }
}
