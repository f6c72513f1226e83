package io.tandem.loadtest.simulation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Fine-tuning jobs that last longer than any run, and are cancelled at its end. */
final class BackgroundJobs {
    private static final List<String> SKILLS = List.of("json", "pig-latin", "reverse");
    private static final int COPIES = 10;

    private final ApiClient client;
    private final List<String> ids = new ArrayList<>();

    private BackgroundJobs(ApiClient client) {
        this.client = client;
    }

    /** @param examples directory with the tour's training files */
    static BackgroundJobs start(ApiClient client, String model, Path examples, int count)
            throws IOException, InterruptedException {
        BackgroundJobs jobs = new BackgroundJobs(client);
        for (int i = 0; i < count; i++) {
            String skill = SKILLS.get(i % SKILLS.size());
            Path file = Files.createTempFile("tandem-load", ".jsonl");
            Files.writeString(
                    file,
                    Files.readString(examples.resolve(skill + ".train.jsonl")).repeat(COPIES));
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("model", model).put("training_file", client.upload(file)).put("suffix", skill);
            body.putObject("hyperparameters").put("n_epochs", 50).put("batch_size", 16);
            Files.delete(file);
            jobs.ids.add(client.post("/v1/fine_tuning/jobs", body).path("id").asText());
        }
        return jobs;
    }

    /** @throws IOException if one of them did not last, because then it was not beside the whole run */
    void cancel() throws IOException, InterruptedException {
        for (String id : ids) {
            String status =
                    client.get("/v1/fine_tuning/jobs/" + id).path("status").asText();
            if (!status.equals("running")) {
                throw new IOException("the job beside is " + status);
            }
            client.post("/v1/fine_tuning/jobs/" + id + "/cancel", ApiClient.JSON.createObjectNode());
        }
    }
}
