package io.tandem.loadtest.simulation;

import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Scrape;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What both jobs of a server do, from its metrics every half second; ends as {@code timeline.csv}. */
final class Timeline {
    static final String FILE = "timeline.csv";
    static final long PERIOD_MILLIS = 500;
    private static final String HEADER = "unix_ms,inference_tokens_per_s,training_tokens_per_s,window_tokens,tpot_ms,"
            + "running,waiting,iterations_per_s";
    private static final double MILLIS = 1e3;

    private final ApiClient client;
    private final int layers;
    private final Path directory;
    private final List<List<?>> rows = new ArrayList<>();
    private final Thread thread = new Thread(this::run, "timeline");
    private volatile boolean stopped;

    private Timeline(ApiClient client, int layers, Path directory) {
        this.client = client;
        this.layers = layers;
        this.directory = directory;
    }

    static Timeline start(ApiClient client, int layers, Path directory) {
        Timeline timeline = new Timeline(client, layers, directory);
        timeline.thread.start();
        return timeline;
    }

    private void run() {
        try {
            Sample before = sample();
            while (!stopped) {
                Thread.sleep(PERIOD_MILLIS);
                Sample now = sample();
                rows.add(now.since(before));
                before = now;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void stop() throws IOException {
        stopped = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Table.write(directory.resolve(FILE), HEADER, rows);
    }

    private Sample sample() throws IOException, InterruptedException {
        return Sample.of(client.scrape(), layers);
    }

    /**
     * Counters at one moment.
     *
     * @param answered tokens of answers
     * @param trained tokens that went forward and those that went backward through all layers, on average
     * @param windows tokens that went forward and those that went backward through all layers, together
     */
    private record Sample(
            long unixMillis,
            double answered,
            double trained,
            double windows,
            double iterations,
            double gaps,
            double gapSeconds,
            double running,
            double waiting) {
        static Sample of(Scrape scrape, int layers) {
            double forward = scrape.sum("tandem_tokens_total", "phase=\"finetune\"");
            double backward = scrape.sum("tandem_finetune_backward_rows_total") / layers;
            return new Sample(
                    System.currentTimeMillis(),
                    scrape.sum("tandem_request_ttft_seconds_count") + scrape.sum("tandem_request_itl_seconds_count"),
                    (forward + backward) / 2,
                    forward + backward,
                    scrape.sum("tandem_iteration_duration_seconds_count"),
                    scrape.sum("tandem_request_itl_seconds_count"),
                    scrape.sum("tandem_request_itl_seconds_sum"),
                    scrape.sum("tandem_sequences_running"),
                    scrape.sum("tandem_requests_waiting"));
        }

        List<?> since(Sample before) {
            double seconds = (unixMillis - before.unixMillis) / MILLIS;
            double ran = iterations - before.iterations;
            return List.of(
                    unixMillis,
                    ratio(answered - before.answered, seconds),
                    ratio(trained - before.trained, seconds),
                    ratio(windows - before.windows, ran),
                    ratio(MILLIS * (gapSeconds - before.gapSeconds), gaps - before.gaps),
                    (int) running,
                    (int) waiting,
                    ratio(ran, seconds));
        }

        private static String ratio(double amount, double of) {
            return of > 0 ? String.format(Locale.ROOT, "%.2f", amount / of) : "";
        }
    }
}
