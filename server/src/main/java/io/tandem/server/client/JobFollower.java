package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows a job's progress until it ends or pauses, then how its loss went and what to call the result by. */
final class JobFollower {
    private static final long POLL_MILLIS = 500;
    private static final int EVENTS = 1000;
    private static final int SPARKLINE_WIDTH = 60;

    private final ServerClient client;
    private final PrintWriter out;

    JobFollower(ServerClient client, PrintWriter out) {
        this.client = client;
        this.out = out;
    }

    /**
     * Waits for the job.
     *
     * @return 0 if it succeeded or is paused, 1 otherwise
     */
    int follow(String id) throws IOException, InterruptedException {
        String path = "/v1/fine_tuning/jobs/" + ServerClient.part(id);
        JsonNode job = client.get(path);
        long start = System.nanoTime();
        long tokensBefore = job.path("trained_tokens").asLong();
        try (ProgressBar bar = bar(id)) {
            while (open(job)) {
                long tokens = job.path("trained_tokens").asLong() - tokensBefore;
                show(bar, job, client.get(path + "/events?limit=10"), tokens * 1e9 / (System.nanoTime() - start));
                Thread.sleep(POLL_MILLIS);
                job = client.get(path);
            }
            show(bar, job, client.get(path + "/events?limit=10"), 0);
        }
        return report(job, losses(path));
    }

    private static boolean open(JsonNode job) {
        String status = job.path("status").asText();
        return status.equals("validating_files") || status.equals("queued") || status.equals("running");
    }

    private static ProgressBar bar(String id) {
        return new ProgressBarBuilder()
                .setTaskName(id)
                .setInitialMax(1)
                .setStyle(ProgressBarStyle.ASCII)
                .build();
    }

    private static void show(ProgressBar bar, JsonNode job, JsonNode events, double tokensPerSecond) {
        for (JsonNode event : events.path("data")) {
            JsonNode data = event.path("data");
            if (data.has("train_loss")) {
                bar.maxHint(data.path("total_steps").asLong());
                bar.stepTo(data.path("step").asLong());
                String rate = tokensPerSecond > 0 ? String.format(Locale.ROOT, ", %.0f tokens/s", tokensPerSecond) : "";
                bar.setExtraMessage(String.format(
                        Locale.ROOT, "loss %.4f%s", data.path("train_loss").asDouble(), rate));
                return;
            }
        }
        bar.setExtraMessage(job.path("status").asText());
    }

    private List<Double> losses(String path) throws IOException, InterruptedException {
        SortedMap<Integer, Double> byStep = new TreeMap<>();
        String after = "";
        while (true) {
            JsonNode page = client.get(path + "/events?limit=" + EVENTS + after);
            for (JsonNode event : page.path("data")) {
                JsonNode loss = event.path("data").path("train_loss");
                if (loss.isNumber()) {
                    byStep.put(event.path("data").path("step").asInt(), loss.asDouble());
                }
                after = "&after=" + ServerClient.part(event.path("id").asText());
            }
            if (!page.path("has_more").asBoolean()) {
                return new ArrayList<>(byStep.values());
            }
        }
    }

    private int report(JsonNode job, List<Double> losses) {
        String status = job.path("status").asText();
        if (!losses.isEmpty()) {
            out.printf(
                    Locale.ROOT,
                    "loss %.4f %s %.4f%n",
                    losses.get(0),
                    Sparkline.of(losses, SPARKLINE_WIDTH),
                    losses.get(losses.size() - 1));
        }
        switch (status) {
            case "succeeded" ->
                out.printf(
                        "The model '%s' can be called.%n",
                        job.path("fine_tuned_model").asText());
            case "paused" ->
                out.printf(
                        "The job is paused; 'tandem jobs resume %s' lets it go on.%n",
                        job.path("id").asText());
            default ->
                out.printf(
                        "The job %s%n",
                        status.equals("failed")
                                ? "failed: " + job.path("error").path("message").asText()
                                : "is " + status + ".");
        }
        out.flush();
        return status.equals("succeeded") || status.equals("paused") ? 0 : 1;
    }
}
