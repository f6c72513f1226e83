package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.util.List;

/** What the tests of jobs that make base models ask of a server, or of one that serves what came of them. */
record BaseJobs(RunningServer server) {
    private static final String JOBS = "/v1/fine_tuning/jobs";

    private String model() throws Exception {
        return server.json(server.get("/v1/models"))
                .path("data")
                .path(0)
                .path("id")
                .asText();
    }

    HttpResponse<String> tryCreate(String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        return server.post(
                JOBS,
                "{\"model\":\"" + model() + "\",\"seed\":5,\"training_file\":\"" + file + "\",\"validation_file\":\""
                        + file + "\",\"hyperparameters\":{" + hyperparameters + "}}");
    }

    /** @return the job's id */
    String create(String hyperparameters) throws Exception {
        return server.json(tryCreate(hyperparameters)).path("id").asText();
    }

    void refused(String hyperparameters, String field, String why) throws Exception {
        HttpResponse<String> refused = tryCreate(hyperparameters);
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(refused.body()).contains(why).contains(field);
    }

    List<Double> validLosses(String id) throws Exception {
        return new JobClient(server)
                .events(id).stream()
                        .map(event -> event.path("data").path("full_valid_loss"))
                        .filter(JsonNode::isNumber)
                        .map(JsonNode::asDouble)
                        .toList();
    }

    /** The loss of the model that is served: the first thing that a job tells is that of its base. */
    double measured() throws Exception {
        String measuring = create("\"n_epochs\":1,\"batch_size\":40");
        new JobClient(server).succeeded(measuring);
        return validLosses(measuring).get(0);
    }

    /** A greedy completion. */
    String text() throws Exception {
        return server.json(server.post(
                        "/v1/completions",
                        "{\"model\":\"" + model() + "\",\"prompt\":\"what is\",\"max_tokens\":8,\"temperature\":0}"))
                .path("choices")
                .path(0)
                .path("text")
                .asText();
    }
}
