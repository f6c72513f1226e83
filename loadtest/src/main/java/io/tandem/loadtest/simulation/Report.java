package io.tandem.loadtest.simulation;

import io.tandem.loadtest.figure.Figure;
import io.tandem.loadtest.figure.Table;
import io.tandem.loadtest.result.Quantiles;
import io.tandem.loadtest.result.TrafficFigures;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** One page on a run: what was asked, how it went, both jobs over time, and Gatling's own report. */
final class Report {
    private static final String FILE = "index.html";
    private static final int MODELS_MAX = 12;
    private static final double QUIET_MILLIS = 2000;
    private static final double PERCENT = 100;
    private static final String TEMPLATE = "report.html";

    private final Path directory;
    private final Run run;
    private final Table requests;
    private final Table timeline;

    Report(Path directory) throws IOException {
        this.directory = directory;
        this.run = Run.read(directory);
        this.requests = Table.read(directory.resolve(RequestLog.FILE));
        double[] sent = requests.numbers("sent_unix_ms");
        double from = Arrays.stream(sent).min().orElse(0) - QUIET_MILLIS;
        this.timeline = Table.read(directory.resolve(Timeline.FILE))
                .where(row -> Double.parseDouble(row.get("unix_ms")) >= from);
    }

    Path write() throws IOException {
        String body = String.join(
                "\n",
                answers(),
                heading("How long they took, in milliseconds"),
                latencies(),
                heading("Both jobs over time"),
                picture(TrafficFigures.timeline(timeline), "timeline"),
                work(),
                heading("Latency against load"),
                picture(TrafficFigures.latency(requests), "latency"),
                heading("Lengths, in tokens"),
                lengths(),
                heading("By model"),
                models());
        String load = String.format(
                Locale.ROOT,
                "%s. %.1f requests per second for %.0f seconds; the SLO is %.0f ms to the first token and %.0f ms per"
                        + " token after it.",
                run.profile().description(),
                run.rate(),
                run.seconds(),
                run.ttftMillis(),
                run.tpotMillis());
        String page = template()
                .replace("{{title}}", "Load: " + run.profile())
                .replace("{{load}}", load)
                .replace("{{gatling}}", GatlingProcess.page(directory).toString())
                .replace("{{body}}", body);
        return Files.writeString(directory.resolve(FILE), page);
    }

    private static String template() throws IOException {
        try (InputStream file = Objects.requireNonNull(Report.class.getResourceAsStream(TEMPLATE))) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String picture(Figure figure, String name) throws IOException {
        figure.write(directory.resolve(name + ".svg"));
        return figure.element();
    }

    private String answers() {
        int refused = requests.where("status", Integer.toString(Answer.REFUSED)).size();
        Table answered = requests.where("status", Integer.toString(Answer.OK));
        int inside = answered.where("met", "1").size();
        return table(
                List.of("sent", "answered", "refused (429)", "failed", "inside the SLO", "of those answered", "goal"),
                Stream.of(List.of(
                        count(requests.size()),
                        count(answered.size()),
                        count(refused),
                        count(requests.size() - answered.size() - refused),
                        count(inside),
                        percent((double) inside / Math.max(1, answered.size())),
                        percent(run.profile().goal()))));
    }

    private String latencies() {
        return quantiles(
                requests.where("status", Integer.toString(Answer.OK)),
                "ttft_ms",
                "time to the first token",
                "tpot_ms",
                "mean time per token after it",
                "longest_gap_ms",
                "longest gap between tokens");
    }

    private String lengths() {
        return quantiles(requests, "prompt_tokens", "prompts", "asked_tokens", "answers");
    }

    private String work() {
        return table(
                List.of("", "mean", "median", "95th", "largest"),
                Stream.of(
                        spread("inference, tokens/s", "inference_tokens_per_s"),
                        spread("fine-tuning, tokens/s", "training_tokens_per_s"),
                        spread("window, tokens", "window_tokens"),
                        spread("iterations/s", "iterations_per_s")));
    }

    private List<String> spread(String name, String column) {
        double[] values = timeline.numbers(column);
        Quantiles quantiles = Quantiles.of(values);
        double mean = Arrays.stream(quantiles.sorted()).average().orElse(Double.NaN);
        return List.of(
                name, number(mean), number(quantiles.at(0.5)), number(quantiles.at(0.95)), number(quantiles.at(1)));
    }

    private String models() {
        return table(
                List.of("model", "requests", "inside the SLO", "TTFT 95th, ms", "TPOT 95th, ms"),
                requests.distinct("model").stream()
                        .map(model -> requests.where("model", model))
                        .sorted((left, right) -> right.size() - left.size())
                        .limit(MODELS_MAX)
                        .map(rows -> List.of(
                                rows.texts("model").get(0),
                                count(rows.size()),
                                percent((double) rows.where("met", "1").size() / rows.size()),
                                number(Quantiles.of(rows.numbers("ttft_ms")).at(0.95)),
                                number(Quantiles.of(rows.numbers("tpot_ms")).at(0.95)))));
    }

    /** @param columns each followed by what people call it */
    private static String quantiles(Table rows, String... columns) {
        List<Double> shares = List.of(0.1, 0.5, 0.9, 0.95, 0.99, 1.0);
        return table(
                List.of("", "10th", "median", "90th", "95th", "99th", "largest"),
                Stream.iterate(0, i -> i < columns.length, i -> i + 2).map(i -> {
                    Quantiles quantiles = Quantiles.of(rows.numbers(columns[i]));
                    return Stream.concat(
                                    Stream.of(columns[i + 1]),
                                    shares.stream().map(quantiles::at).map(Report::number))
                            .toList();
                }));
    }

    private static String table(List<String> head, Stream<List<String>> rows) {
        return "<table>" + row("th", head) + rows.map(row -> row("td", row)).collect(Collectors.joining()) + "</table>";
    }

    private static String row(String kind, List<String> cells) {
        return cells.stream()
                .map(cell -> "<" + kind + ">" + cell + "</" + kind + ">")
                .collect(Collectors.joining("", "<tr>", "</tr>\n"));
    }

    private static String heading(String text) {
        return "<h2>" + text + "</h2>";
    }

    private static String count(int count) {
        return Integer.toString(count);
    }

    private static String percent(double share) {
        return number(PERCENT * share) + " %";
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
    }
}
