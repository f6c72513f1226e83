package io.tandem.loadtest.soak;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.nio.file.Path;

/** What goes on beside the requests, over and over: jobs, and adapters that come, change, merge and go. */
final class Changes {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String ADAPTERS = "/v1/adapters";
    private static final long POLL_MILLIS = 250;
    private static final long JOB_MILLIS = 300_000;
    private static final long PAUSE_MILLIS = 500;

    private final ApiClient client;
    private final Tally tally;
    private volatile boolean stopped;

    Changes(ApiClient client, Tally tally) {
        this.client = client;
        this.tally = tally;
    }

    void stop() {
        stopped = true;
    }

    private interface Round {
        void run(int number) throws IOException, InterruptedException;
    }

    private Thread repeat(String name, Round round) {
        Thread thread = new Thread(
                () -> {
                    for (int i = 0; !stopped; i++) {
                        try {
                            round.run(i);
                            Thread.sleep(PAUSE_MILLIS);
                        } catch (IOException e) {
                            tally.fail(name + ": " + e);
                        } catch (InterruptedException e) {
                            return;
                        }
                    }
                },
                name);
        thread.start();
        return thread;
    }

    /** Trains on a file, and deletes the job and what it has made. */
    Thread jobs(String model, Path examples) {
        return repeat("jobs", number -> {
            String file = client.upload(examples);
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("model", model).put("training_file", file).put("suffix", "soak");
            body.putObject("hyperparameters").put("n_epochs", 1).put("batch_size", 8);
            String job = JOBS + "/" + client.post(JOBS, body).path("id").asText();
            long deadline = System.currentTimeMillis() + JOB_MILLIS;
            JsonNode state = client.get(job);
            while (state.path("finished_at").isNull() && System.currentTimeMillis() < deadline) {
                Thread.sleep(POLL_MILLIS);
                state = client.get(job);
            }
            if (!state.path("status").asText().equals("succeeded")) {
                throw new IOException("a job ends as " + state.path("status") + ": " + state.path("error"));
            }
            tally.count("jobs succeeded");
            client.delete(job);
            client.delete("/v1/files/" + file);
            for (JsonNode adapter : client.get(ADAPTERS + "?limit=100").path("data")) {
                String name = adapter.path("id").asText();
                if (name.startsWith("ft:")) {
                    client.delete(ADAPTERS + "/" + name);
                }
            }
        });
    }

    /** Publishes an adapter, replaces it, asks it and deletes it. */
    Thread churn(GeneratedAdapter shape) {
        return repeat("churn", number -> {
            shape.publish(client, "churn", number);
            shape.publish(client, "churn", number + 1);
            ask("churn");
            client.delete(ADAPTERS + "/churn");
            tally.count("adapters published, replaced and deleted");
        });
    }

    /** Merges two adapters, compresses the result, asks it and deletes it. */
    Thread merges(String first, String second) {
        return repeat("merges", number -> {
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("name", "merged").put("merge_strategy", "linear");
            body.putArray("ids").add(first).add(second);
            body.putArray("weights").add(0.5).add(0.1 + number % 10 / 10.0);
            client.post(ADAPTERS + "/merge", body);
            client.post(
                    ADAPTERS + "/merged/compress",
                    ApiClient.JSON.createObjectNode().put("density", 0.3));
            ask("merged");
            client.delete(ADAPTERS + "/merged");
            tally.count("adapters merged and compressed");
        });
    }

    private void ask(String name) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        client.post(
                "/v1/completions", body.put("model", name).put("prompt", "Once").put("max_tokens", 2));
    }
}
