package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;

/** Shows a job's progress until it ends or pauses, then how its loss went and what to call the result by. */
final class JobFollower {
    private static final long POLL_MILLIS = 500;
    private static final int SPARKLINE_WIDTH = 60;

    private final ServerClient client;
    private final ServerCommand command;
    private final PrintWriter out;

    JobFollower(ServerClient client, ServerCommand command) {
        this.client = client;
        this.command = command;
        this.out = command.out();
    }

    /**
     * Waits for the job.
     *
     * @return 0 if it succeeded or is paused, 1 otherwise
     */
    int follow(String id) throws IOException, InterruptedException {
        String path = "/v1/fine_tuning/jobs/" + ServerClient.part(id);
        JsonNode job = client.get(path);
        // Who interrupts this ends the command only.
        Thread farewell = new Thread(() -> farewell(id), "farewell");
        Runtime.getRuntime().addShutdownHook(farewell);
        try (Progress progress = Progress.of(id, searches(job) ? "%d/%d trials" : "step %d/%d", command.err())) {
            long start = System.nanoTime();
            long tokensBefore = job.path("trained_tokens").asLong();
            while (open(job)) {
                long tokens = job.path("trained_tokens").asLong() - tokensBefore;
                show(progress, job, path, tokens * 1e9 / (System.nanoTime() - start));
                Thread.sleep(POLL_MILLIS);
                job = client.get(path);
            }
            show(progress, job, path, 0);
        } finally {
            forget(farewell);
        }
        return report(job, path);
    }

    private void farewell(String id) {
        PrintWriter err = command.err();
        err.printf(
                "%nThe job goes on. 'tandem jobs follow %s' shows it, 'tandem jobs pause %s' pauses it, and 'tandem jobs"
                        + " cancel %s' cancels it.%n",
                id, id, id);
        err.flush();
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // It is running.
            return;
        }
    }

    private static boolean open(JsonNode job) {
        String status = job.path("status").asText();
        return status.equals("validating_files") || status.equals("queued") || status.equals("running");
    }

    private static boolean searches(JsonNode job) {
        return job.at("/method/type").asText().equals("search");
    }

    private void show(Progress progress, JsonNode job, String path, double tokensPerSecond)
            throws IOException, InterruptedException {
        for (JsonNode event : client.get(path + "/events?limit=10").path("data")) {
            JsonNode data = event.path("data");
            if (searches(job) && event.path("message").asText().startsWith("Trial ")) {
                progress.show(
                        job.at("/search/trials").size(),
                        job.at("/method/search/trials").asLong(),
                        event.path("message").asText());
                return;
            }
            if (data.has("train_loss")) {
                String rate = tokensPerSecond > 0 ? String.format(Locale.ROOT, ", %.0f tokens/s", tokensPerSecond) : "";
                String loss = String.format(
                        Locale.ROOT, "loss %.4f%s", data.path("train_loss").asDouble(), rate);
                progress.show(
                        data.path("step").asLong(), data.path("total_steps").asLong(), loss);
                return;
            }
        }
        progress.show(0, 0, job.path("status").asText());
    }

    private List<Double> losses(String path) throws IOException, InterruptedException {
        SortedMap<Integer, Double> byStep = new TreeMap<>();
        for (JsonNode event : client.list(path + "/events")) {
            JsonNode loss = event.path("data").path("train_loss");
            if (loss.isNumber()) {
                byStep.put(event.path("data").path("step").asInt(), loss.asDouble());
            }
        }
        return new ArrayList<>(byStep.values());
    }

    private int report(JsonNode job, String path) throws IOException, InterruptedException {
        String status = job.path("status").asText();
        int exit = status.equals("succeeded") || status.equals("paused") ? 0 : 1;
        if (command.json()) {
            command.print(job);
            return exit;
        }
        List<Double> losses = losses(path);
        if (!losses.isEmpty()) {
            out.printf(
                    Locale.ROOT,
                    "loss %.4f %s %.4f%n",
                    losses.get(0),
                    Sparkline.of(losses, SPARKLINE_WIDTH),
                    losses.get(losses.size() - 1));
        }
        if (job.has("search")) {
            SearchReport.print(job.path("search"), out);
        }
        if (job.has("distill")) {
            JsonNode distilled = job.path("distill");
            out.printf(
                    "The file '%s' has %d of the %d %s.%n",
                    distilled.path("file").asText(),
                    distilled.path("examples").asInt(),
                    distilled.path("of").asInt(),
                    distilled.has("written") ? "new examples that were written" : "examples");
        }
        switch (status) {
            case "succeeded" ->
                out.printf(
                        job.has("fine_tuned_base")
                                ? "The new base model is in %s of the server's data directory; serve it with --model.%n"
                                : "The model '%s' can be called.%n",
                        job.path(job.has("fine_tuned_base") ? "fine_tuned_base" : "fine_tuned_model")
                                .asText());
            case "paused" ->
                out.printf(
                        "The job is paused; 'tandem jobs resume %s' resumes it.%n",
                        job.path("id").asText());
            default ->
                out.printf(
                        "The job %s%n",
                        status.equals("failed")
                                ? "failed: " + job.path("error").path("message").asText()
                                : "is " + status + ".");
        }
        out.flush();
        return exit;
    }
}
