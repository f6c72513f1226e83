package io.tandem.loadtest.soak;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** What goes on beside the requests, over and over: jobs, batches, files, and adapters that come, change, merge and go. */
final class Changes {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String ADAPTERS = "/v1/adapters";
    private static final String FILES = "/v1/files/";
    private static final int ROWS = 16;
    private static final int FILE_BYTES = 1 << 20;
    private static final long POLL_MILLIS = 250;
    private static final long JOB_MILLIS = 300_000;
    private static final long PAUSE_MILLIS = 500;

    private final PatientClient client;
    private final Tally tally;
    private volatile boolean stopped;

    Changes(PatientClient client, Tally tally) {
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
            String file = client.upload("fine-tune", examples);
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
            client.delete(FILES + file);
            for (JsonNode result : state.path("result_files")) {
                client.delete(FILES + result.asText());
            }
            for (JsonNode adapter : client.get(ADAPTERS + "?limit=100").path("data")) {
                String name = adapter.path("id").asText();
                if (name.startsWith("ft:")) {
                    client.delete(ADAPTERS + "/" + name);
                }
            }
        });
    }

    /** Has rows answered, and reads the answers. */
    Thread batches(String model, Path directory) {
        return repeat("batches", number -> {
            StringBuilder rows = new StringBuilder();
            for (int row = 0; row < ROWS; row++) {
                ObjectNode line = ApiClient.JSON.createObjectNode();
                line.put("custom_id", "row-" + row).put("method", "POST").put("url", "/v1/completions");
                line.putObject("body").put("model", model).put("prompt", "One").put("max_tokens", 8);
                rows.append(line).append('\n');
            }
            String input = client.upload("batch", Files.writeString(directory.resolve("rows"), rows));
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("input_file_id", input).put("endpoint", "/v1/completions").put("completion_window", "24h");
            String batch =
                    "/v1/batches/" + client.post("/v1/batches", body).path("id").asText();
            long deadline = System.currentTimeMillis() + JOB_MILLIS;
            JsonNode state = client.get(batch);
            while (!state.path("status").asText().equals("completed") && System.currentTimeMillis() < deadline) {
                Thread.sleep(POLL_MILLIS);
                state = client.get(batch);
            }
            String output = state.path("output_file_id").asText();
            long lines = new String(client.content(output), StandardCharsets.UTF_8)
                    .lines()
                    .count();
            if (lines != ROWS || state.at("/request_counts/completed").asInt() != ROWS) {
                throw new IOException("a batch ends with " + lines + " answers: " + state);
            }
            client.delete(FILES + input);
            client.delete(FILES + output);
            tally.count("batches completed");
        });
    }

    /** Uploads a file, reads it and deletes it. */
    Thread files(long seed, Path directory) {
        Random random = new Random(seed);
        byte[] content = new byte[FILE_BYTES];
        return repeat("files", number -> {
            random.nextBytes(content);
            String file = client.upload("fine-tune", Files.write(directory.resolve("file"), content));
            if (!Arrays.equals(client.content(file), content)) {
                throw new IOException("a file comes back changed");
            }
            client.delete(FILES + file);
            tally.count("files uploaded, read and deleted");
        });
    }

    /** Publishes an adapter, replaces it, asks it and deletes it. */
    Thread churn(GeneratedAdapter shape) {
        return repeat("churn", number -> {
            client.publish(shape, "churn", number);
            client.publish(shape, "churn", number + 1);
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
