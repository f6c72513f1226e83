package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** What the tests of jobs ask of a server. */
final class JobClient {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int ATTEMPTS = 5;
    /** That {@link RunningServer} makes. */
    private static final ModelConfig MODEL =
            TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).config();

    private final RunningServer server;

    JobClient(RunningServer server) {
        this.server = server;
    }

    /** @return the job's id */
    String create(String method, String hyperparameters, String rest) throws Exception {
        String body = "{\"model\":\"tiny\",\"seed\":5," + rest + ",\"method\":{\"type\":\"" + method + "\",\"" + method
                + "\":{\"hyperparameters\":{" + hyperparameters + "}}}}";
        return create(body);
    }

    /** @return the job's id */
    String create(String body) throws Exception {
        return server.json(server.post(JOBS, body)).path("id").asText();
    }

    /** A job that does not end by itself while a test runs. */
    String endless() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4000));
        return create("{\"model\":\"tiny\",\"training_file\":\"" + file
                + "\",\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":1}}");
    }

    void cancel(String id) throws Exception {
        server.json(server.post(JOBS + "/" + id + "/cancel", "{}"));
    }

    JsonNode job(String id) throws Exception {
        return server.json(server.get(JOBS + "/" + id));
    }

    /** The job when it has ended, however that was. */
    JsonNode ended(String id) throws Exception {
        JsonNode job = job(id);
        while (job.path("finished_at").isNull()) {
            Thread.sleep(20);
            job = job(id);
        }
        return job;
    }

    JsonNode succeeded(String id) throws Exception {
        JsonNode job = ended(id);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return job;
    }

    /** All of them, the oldest first. */
    List<JsonNode> events(String id) throws Exception {
        List<JsonNode> events = new ArrayList<>();
        server.json(server.get(JOBS + "/" + id + "/events?limit=1000"))
                .path("data")
                .forEach(event -> events.add(0, event));
        return events;
    }

    /** Of a type, the oldest first. */
    List<JsonNode> events(String id, String type) throws Exception {
        return events(id).stream()
                .filter(event -> event.path("type").asText().equals(type))
                .toList();
    }

    /** Of all events, the oldest first. */
    List<String> messages(String id) throws Exception {
        return events(id).stream().map(event -> event.path("message").asText()).toList();
    }

    void awaitStep(String id, int step) throws Exception {
        while (events(id, "metrics").stream()
                .noneMatch(event -> event.path("data").path("step").asInt() >= step)) {
            Thread.sleep(20);
        }
    }

    /**
     * Pauses a job in the midst of its steps. One that ended before it was paused, because nobody looked in time, is none
     * to try anything with, so another is created; whatever else is wrong is not tried again.
     *
     * @param creation returns a new job's id
     * @return the id of a job that is paused
     */
    String pausedAfter(int step, Callable<String> creation) throws Exception {
        for (int i = 0; i < ATTEMPTS; i++) {
            String id = creation.call();
            awaitStep(id, step);
            HttpResponse<String> answer = server.post(JOBS + "/" + id + "/pause", "{}");
            if (answer.statusCode() == 200) {
                assertThat(server.json(answer).path("status").asText()).isEqualTo("paused");
                while (job(id).path("finished_at").isNull()) {
                    if (messages(id).stream().anyMatch(message -> message.contains("is paused after step"))) {
                        return id;
                    }
                    Thread.sleep(5);
                }
            }
            JsonNode ended = job(id);
            assertThat(ended.path("status").asText()).as(answer.body() + ended).isEqualTo("succeeded");
        }
        throw new AssertionError("each of " + ATTEMPTS + " jobs had ended before it was paused");
    }

    void awaitMessage(String id, String part) throws Exception {
        while (messages(id).stream().noneMatch(message -> message.contains(part))) {
            Thread.sleep(5);
        }
    }

    /** Of a file that a job has made. */
    String content(JsonNode file) throws Exception {
        HttpResponse<String> content = server.get("/v1/files/" + file.asText() + "/content");
        assertThat(content.statusCode()).isEqualTo(200);
        return content.body();
    }

    /** What a model answers, greedily. */
    String text(String model) throws Exception {
        String body = "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0}";
        JsonNode text = server.json(server.post("/v1/completions", body))
                .path("choices")
                .path(0)
                .path("text");
        assertThat(text.isTextual()).isTrue();
        return text.asText();
    }

    /** What a job has made that has succeeded. */
    Adapter adapter(JsonNode job) throws Exception {
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return server.adapter(job.path("fine_tuned_model").asText(), MODEL);
    }
}
