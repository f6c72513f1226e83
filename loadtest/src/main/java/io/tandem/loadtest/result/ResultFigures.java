package io.tandem.loadtest.result;

import io.tandem.loadtest.figure.Bars;
import io.tandem.loadtest.figure.Figure;
import io.tandem.loadtest.figure.Panel;
import io.tandem.loadtest.figure.Table;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;

/** One figure for each kind of table in docs/results. A table's columns say which kind it is. */
public final class ResultFigures {
    private static final double MEGA = 1e6;
    private static final double PERCENT = 100;
    /** What the server is without training: inside its SLO, and zero tokens/s of training. */
    private static final String UNTRAINED = "inference only";

    private static final String SPARE_TIME = "spare time";
    /** In the order of their colours. */
    private static final List<String> WAYS = List.of(
            "co-serving",
            "temporal 1 in 256",
            "spatial",
            "temporal 1 in 64",
            "temporal 1 in 128",
            "split 2 serve 2 train",
            "split 3 serve 1 train",
            "split 1 serve 3 train");

    private static final Map<Set<String>, Function<Table, Figure>> KINDS = kinds();

    private ResultFigures() {}

    private static Map<Set<String>, Function<Table, Figure>> kinds() {
        Map<Set<String>, Function<Table, Figure>> kinds = new LinkedHashMap<>();
        kinds.put(
                Set.of("way", "requests_per_s", "attainment", "training_tokens_per_s", "simulated_devices"),
                table -> sharing(
                        table,
                        "Simulated: ways to share "
                                + String.join(", ", table.distinct("simulated_devices"))
                                + " accelerators"));
        kinds.put(
                Set.of("way", "requests_per_s", "attainment", "training_tokens_per_s"),
                table -> sharing(table, "Ways to share a device"));
        kinds.put(Set.of("unix_ms", "inference_tokens_per_s", "window_tokens"), TrafficFigures::timeline);
        kinds.put(Set.of("sent_unix_ms", "in_flight", "ttft_ms", "tpot_ms", "status"), TrafficFigures::latency);
        kinds.put(Set.of("stash", "part", "bytes"), ResultFigures::memory);
        kinds.put(Set.of("technique", "bytes"), ResultFigures::waterfall);
        kinds.put(Set.of("method", "skill", "seed", "trained_parameters", "exact_match"), ResultFigures::methods);
        kinds.put(Set.of("ability", "part", "examples", "seed", "exact_match"), ResultFigures::abilities);
        kinds.put(Set.of("file", "learned", "examples", "seed", "exact_match"), ResultFigures::distillation);
        kinds.put(Set.of("of", "method", "skill", "exact_match"), ResultFigures::merging);
        kinds.put(Set.of("skill", "method", "exam", "seed", "exact_match"), ResultFigures::transfer);
        kinds.put(Set.of("experts", "method", "seed", "share_of_own"), ResultFigures::retention);
        kinds.put(Set.of("expert", "density", "ratio", "exact_match_lost"), ResultFigures::compression);
        kinds.put(Set.of("adapters", "rows", "tokens_per_s"), ResultFigures::adapterBatch);
        kinds.put(Set.of("optimizer", "seed", "step", "validation_loss"), ResultFigures::optimizers);
        kinds.put(Set.of("seconds", "heap_mib", "rss_mib", "threads", "files"), ResultFigures::soak);
        kinds.put(Set.of("optimizer", "rank", "state_bytes"), ResultFigures::optimizerStates);
        return kinds;
    }

    /** The figure for a table; empty if none is made of such columns. */
    public static Optional<Figure> of(Table table) {
        return KINDS.entrySet().stream()
                .filter(kind -> table.columns().containsAll(kind.getKey()))
                .map(kind -> kind.getValue().apply(table))
                .findFirst();
    }

    /** Ways to share a device, against the load; each has the same colour in every figure. */
    private static Figure sharing(Table table, String title) {
        Panel attainment = new Panel("SLO attainment, %").upTo(105);
        Panel training = new Panel("training, tokens/s").likeAbove();
        for (String way : table.distinct("way")) {
            Table rows = table.where("way", way);
            double[] rate = rows.numbers("requests_per_s");
            double[] tokens = rows.numbers("training_tokens_per_s");
            if (way.startsWith(SPARE_TIME)) {
                training.reference(way, rate, tokens);
            } else if (!way.equals(UNTRAINED)) {
                int color = WAYS.contains(way) ? WAYS.indexOf(way) : WAYS.size();
                attainment.line(way, color, rate, percent(rows.numbers("attainment")));
                training.line(way, color, rate, tokens);
            }
        }
        return Figure.stacked(title, Panel.across("requests per second"), attainment, training);
    }

    private static Figure memory(Table table) {
        Bars bars = Bars.stacked("MB");
        for (String stash : table.distinct("stash")) {
            Table rows = table.where("stash", stash);
            double[] bytes = rows.numbers("bytes");
            List<String> parts = rows.texts("part");
            for (int i = 0; i < bytes.length; i++) {
                bars.add(parts.get(i), stash, bytes[i] / MEGA);
            }
        }
        return Figure.of("Memory of a fine-tuning step", bars);
    }

    /** What is left after each technique, and what it saved of what was left before. */
    private static Figure waterfall(Table table) {
        Bars bars = Bars.stacked("MB");
        double before = 0;
        double[] bytes = table.numbers("bytes");
        List<String> techniques = table.texts("technique");
        for (int i = 0; i < bytes.length; i++) {
            bars.add("needed", techniques.get(i), bytes[i] / MEGA);
            bars.add("saved", techniques.get(i), Math.max(0, before - bytes[i]) / MEGA);
            before = bytes[i];
        }
        return Figure.of("Memory of a fine-tuning step, technique by technique", bars);
    }

    /** The mean over the seeds. */
    private static Figure methods(Table table) {
        Bars bars = Bars.grouped("exact match, %").upTo(105);
        addMeans(bars, table, "method", "skill");
        return Figure.of("What methods learn in the same time", bars);
    }

    /** The mean over the seeds. */
    private static Figure abilities(Table table) {
        List<String> parts = table.distinct("part");
        Panel panel = new Panel("exact match, %").upTo(105);
        for (String ability : table.distinct("ability")) {
            addMeans(panel, ability, table.where("ability", ability), "part", parts, "exact_match");
        }
        return Figure.of("What abilities need", Panel.acrossNames("part of the examples", parts), panel);
    }

    /** The mean over the seeds. */
    private static Figure distillation(Table table) {
        Bars bars = Bars.grouped("exact match, %").upTo(105);
        addMeans(bars, table, "file", "learned");
        return Figure.of("What is learned from a part of a file", bars);
    }

    private static Figure soak(Table table) {
        double[] minutes = Arrays.stream(table.numbers("seconds"))
                .map(seconds -> seconds / 60)
                .toArray();
        return Figure.stacked(
                "Memory, threads and open files under mixed load",
                Panel.across("minutes"),
                new Panel("MiB")
                        .line("heap after a collection", minutes, table.numbers("heap_mib"))
                        .line("resident memory", minutes, table.numbers("rss_mib")),
                new Panel("count")
                        .line("threads", minutes, table.numbers("threads"))
                        .line("open files", minutes, table.numbers("files")));
    }

    private static Figure merging(Table table) {
        Bars bars = Bars.grouped("exact match, %").upTo(PERCENT + 8);
        for (String of : table.distinct("of")) {
            Table merges = table.where("of", of);
            String members = of.isEmpty() ? "" : " of " + of.split(" \\+ ").length;
            for (String method : merges.distinct("method")) {
                Table rows = merges.where("method", method);
                for (String skill : rows.distinct("skill")) {
                    double share = mean(rows.where("skill", skill).numbers("exact_match"));
                    bars.add(skill, method + members, PERCENT * share);
                }
            }
        }
        return Figure.of("Accuracy after merging", bars);
    }

    /** The mean over skills and seeds. */
    private static Figure transfer(Table table) {
        Bars bars = Bars.grouped("exact match, %").upTo(PERCENT + 8);
        addMeans(bars, table, "method", "exam");
        return Figure.of(
                "Experts in " + String.join(", ", table.distinct("skill")) + ", each merged with one in a language",
                bars);
    }

    /** The mean over skills and seeds. */
    private static Figure retention(Table table) {
        List<String> counts = table.distinct("experts").stream()
                .sorted(Comparator.comparing(Integer::valueOf))
                .toList();
        Panel panel = new Panel("of the experts' own exact match, %").upTo(105);
        for (String method : table.distinct("method")) {
            addMeans(panel, method, table.where("method", method), "experts", counts, "share_of_own");
        }
        return Figure.of("What merges keep of experts", Panel.acrossNames("experts merged", counts), panel);
    }

    private static Figure compression(Table table) {
        Panel panel = new Panel("exact match lost, percentage points");
        for (String expert : table.distinct("expert")) {
            Table rows = table.where("expert", expert);
            panel.line(expert, rows.numbers("ratio"), percent(rows.numbers("exact_match_lost")));
        }
        return Figure.of("Accuracy lost by compression", Panel.across("compression ratio to bfloat16"), panel);
    }

    private static Figure adapterBatch(Table table) {
        Panel panel = new Panel("tokens per second");
        Table mixed = table.where(row -> !"0".equals(row.get("adapters")));
        List<String> counts = mixed.distinct("adapters").stream()
                .sorted(Comparator.comparing(Integer::valueOf))
                .toList();
        for (String rows : table.distinct("rows")) {
            Table line = mixed.where("rows", rows);
            double[] at =
                    line.texts("adapters").stream().mapToDouble(counts::indexOf).toArray();
            panel.line(rows + " requests", at, line.numbers("tokens_per_s"));
            double base = mean(table.where("adapters", "0").where("rows", rows).numbers("tokens_per_s"));
            double[] same = Arrays.stream(at).map(x -> base).toArray();
            panel.line(rows + " requests of the base model", at, same);
        }
        return Figure.of("Different adapters in one batch", Panel.acrossNames("adapters", counts), panel);
    }

    /** Losses relative to the mean of all runs in 32 bits; as they are, the lines would lie on each other. */
    private static Figure optimizers(Table table) {
        Panel panel = new Panel("difference in validation loss, %");
        Table precise = table.where(row -> !String.valueOf(row.get("optimizer")).endsWith("8bit"));
        double[] steps =
                Arrays.stream(table.numbers("step")).distinct().sorted().toArray();
        for (String optimizer : table.distinct("optimizer")) {
            Table rows = table.where("optimizer", optimizer);
            double[] differences = Arrays.stream(steps)
                    .map(step -> PERCENT * (lossAt(rows, step) / lossAt(precise, step) - 1))
                    .toArray();
            int seeds = rows.distinct("seed").size();
            panel.line(optimizer + (seeds > 1 ? ", mean of " + seeds + " seeds" : ""), steps, differences);
        }
        return Figure.of("Validation loss, relative to 32-bit optimizer states", Panel.across("step"), panel);
    }

    private static double lossAt(Table rows, double step) {
        return mean(
                rows.where(row -> Double.parseDouble(row.get("step")) == step).numbers("validation_loss"));
    }

    private static Figure optimizerStates(Table table) {
        Bars bars = Bars.grouped("MB of optimizer state");
        List<String> optimizers = table.texts("optimizer");
        List<String> ranks = table.texts("rank");
        double[] bytes = table.numbers("state_bytes");
        for (int i = 0; i < bytes.length; i++) {
            bars.add(optimizers.get(i), "rank " + ranks.get(i), bytes[i] / MEGA);
        }
        return Figure.of("Optimizer state", bars);
    }

    /** A group of bars for each value of one column, a bar in it for each of another: the means of exact match. */
    private static void addMeans(Bars bars, Table table, String group, String bar) {
        for (String of : table.distinct(group)) {
            Table rows = table.where(group, of);
            for (String each : rows.distinct(bar)) {
                bars.add(each, of, PERCENT * mean(rows.where(bar, each).numbers("exact_match")));
            }
        }
    }

    /** A line of means, over names that are a column's values. */
    private static void addMeans(
            Panel panel, String name, Table rows, String column, List<String> across, String share) {
        double[] at = IntStream.range(0, across.size()).asDoubleStream().toArray();
        double[] means = across.stream()
                .mapToDouble(value -> PERCENT * mean(rows.where(column, value).numbers(share)))
                .toArray();
        panel.line(name, at, means);
    }

    private static double[] percent(double[] shares) {
        return Arrays.stream(shares).map(share -> PERCENT * share).toArray();
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElse(Double.NaN);
    }
}
