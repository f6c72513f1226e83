package io.tandem.loadtest.result;

import io.tandem.loadtest.figure.Figure;
import io.tandem.loadtest.figure.Panel;
import io.tandem.loadtest.figure.Table;
import java.util.Arrays;
import java.util.stream.IntStream;

/** What a load did to a server, and the server to the load. */
public final class TrafficFigures {
    private static final double MILLIS = 1e3;
    private static final int BINS_MAX = 10;
    private static final int REQUESTS_IN_A_BIN_MIN = 30;
    /** How long a server that has just started answers slowly. */
    private static final double WARM_UP_MILLIS = 2000;

    private static final double[] SHARES = {0.5, 0.95, 0.99};

    private TrafficFigures() {}

    /** Both jobs over time, from the rows of {@code timeline.csv}. */
    public static Figure timeline(Table rows) {
        double[] millis = rows.numbers("unix_ms");
        double first = Arrays.stream(millis).min().orElse(0);
        double[] seconds =
                Arrays.stream(millis).map(at -> (at - first) / MILLIS).toArray();
        return Figure.stacked(
                "Inference and fine-tuning on one device",
                Panel.across("seconds"),
                new Panel("tokens per second")
                        .line("inference", seconds, rows.numbers("inference_tokens_per_s"))
                        .line("fine-tuning", seconds, rows.numbers("training_tokens_per_s")),
                new Panel("window, tokens")
                        .line("fine-tuning tokens per iteration", seconds, rows.numbers("window_tokens")),
                new Panel("TPOT, ms").line("mean gap between tokens", seconds, rows.numbers("tpot_ms")),
                new Panel("requests")
                        .line("running", seconds, rows.numbers("running"))
                        .line("waiting", seconds, rows.numbers("waiting")));
    }

    /**
     * Latency against how many requests the server had when one more came, from the rows of {@code requests.csv}. Requests of
     * the warm-up are left out: they come while little else does, and would be the percentiles of a low load.
     */
    public static Figure latency(Table rows) {
        double first = Arrays.stream(rows.numbers("sent_unix_ms")).min().orElse(0);
        Table answered = rows.where("status", "200")
                .where(row -> Double.parseDouble(row.get("sent_unix_ms")) >= first + WARM_UP_MILLIS);
        double[] inFlight = answered.numbers("in_flight");
        int[] order = IntStream.range(0, inFlight.length)
                .boxed()
                .sorted((left, right) -> Double.compare(inFlight[left], inFlight[right]))
                .mapToInt(Integer::intValue)
                .toArray();
        int bins = Math.max(1, Math.min(BINS_MAX, order.length / REQUESTS_IN_A_BIN_MIN));
        return Figure.stacked(
                "Latency against load, without the first 2 s",
                Panel.across("requests in flight when one more is sent"),
                percentiles("TTFT, ms", inFlight, answered.numbers("ttft_ms"), order, bins),
                percentiles("TPOT, ms", inFlight, answered.numbers("tpot_ms"), order, bins)
                        .likeAbove());
    }

    private static Panel percentiles(String label, double[] load, double[] latency, int[] order, int bins) {
        Panel panel = new Panel(label);
        for (double share : SHARES) {
            double[] x = new double[bins];
            double[] y = new double[bins];
            for (int bin = 0; bin < bins; bin++) {
                int[] inside = Arrays.copyOfRange(order, bin * order.length / bins, (bin + 1) * order.length / bins);
                x[bin] = Arrays.stream(inside)
                        .mapToDouble(i -> load[i])
                        .average()
                        .orElse(Double.NaN);
                y[bin] = Quantiles.of(Arrays.stream(inside)
                                .mapToDouble(i -> latency[i])
                                .toArray())
                        .at(share);
            }
            panel.line(share == 0.5 ? "median" : Math.round(100 * share) + "th percentile", x, y);
        }
        return panel;
    }
}
