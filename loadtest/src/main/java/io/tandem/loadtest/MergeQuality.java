package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** What merges of experts know of each expert's skill: every method on the first two of them and on all. */
final class MergeQuality {
    private static final double PERCENT = 100;
    private static final int OTHER_COLUMNS = 5;

    /** What came of one method on some experts: the mean over them, in units of the mean of the experts themselves. */
    record Kept(String method, int experts, double share) {}

    private final ApiClient client;
    private final String base;
    private final List<Expert> experts;
    private final double density;
    private final int evaluations;
    private final PrintStream out;
    private final List<List<?>> rows = new ArrayList<>();
    private final List<Kept> kept = new ArrayList<>();

    MergeQuality(
            ApiClient client, String base, List<Expert> experts, double density, int evaluations, PrintStream out) {
        this.client = client;
        this.base = base;
        this.experts = experts;
        this.density = density;
        this.evaluations = evaluations;
        this.out = out;
    }

    /** @param file for weights that are looked for */
    private List<MergeWay> ways(int count, String file) {
        MergeWay sum = MergeWay.summed("sum", "linear", 1);
        MergeWay ties = MergeWay.pruned("TIES", "ties", density);
        MergeWay pcb = MergeWay.pruned("PCB", "pcb", density);
        List<MergeWay> ways = new ArrayList<>(List.of(
                MergeWay.summed("average", "linear", 1.0 / count),
                sum,
                sum.searched(file, evaluations),
                MergeWay.summed("sum by svd", "svd", 1),
                MergeWay.pruned("magnitude prune", "magnitude_prune", density),
                ties,
                ties.searched(file, evaluations),
                MergeWay.pruned("TIES by svd", "ties_svd", density),
                MergeWay.pruned("DARE-TIES", "dare_ties", density),
                pcb,
                pcb.searched(file, evaluations)));
        if (count == 2) {
            ways.add(MergeWay.swap("layer swap", Map.of()));
        }
        return ways;
    }

    void measure() throws IOException, InterruptedException {
        String skills = experts.stream().map(Expert::skill).collect(Collectors.joining(" | "));
        out.println("| of | method | " + skills + " | mean % | of the experts' % | weights |");
        out.println("|---".repeat(experts.size() + OTHER_COLUMNS) + "|");
        row("", "base model", experts, base, "");
        for (Expert expert : experts) {
            row("", "expert in " + expert.skill(), experts, expert.model(), "");
        }
        if (experts.size() > 2) {
            merge(experts.subList(0, 2));
        }
        merge(experts);
    }

    void write(Path file) throws IOException {
        Table.write(file, "of,method,skill,exact_match,weights", rows);
    }

    /** Of all merges that were measured. */
    List<Kept> kept() {
        return Collections.unmodifiableList(kept);
    }

    private void merge(List<Expert> members) throws IOException, InterruptedException {
        String file = Expert.uploadValidation(client, members);
        String names = members.stream().map(Expert::skill).collect(Collectors.joining(" + "));
        List<String> models = members.stream().map(Expert::model).toList();
        for (MergeWay way : ways(members.size(), file)) {
            String name = "merge-" + kept.size();
            JsonNode report = way.merge(client, name, models).path("merge");
            String weights = StreamSupport.stream(
                            report.at("/validation/weights").spliterator(), false)
                    .map(weight -> String.format(Locale.ROOT, "%.2f", weight.asDouble()))
                    .collect(Collectors.joining(" "));
            double share = row(names, way.label(), members, name, weights);
            kept.add(new Kept(way.label(), members.size(), share));
        }
    }

    /** Examines a model in the skills of some experts; returns the share of those experts' own mean that it reaches. */
    private double row(String of, String method, List<Expert> members, String model, String weights)
            throws IOException, InterruptedException {
        List<String> cells = new ArrayList<>(List.of(of, method));
        double sum = 0;
        double reference = 0;
        for (Expert expert : experts) {
            if (members.contains(expert)) {
                double score = expert.exam().exactMatch(client, model);
                sum += score;
                reference += expert.score();
                cells.add(number(PERCENT * score));
                rows.add(List.of(of, method, expert.skill(), score, weights));
            } else {
                cells.add("");
            }
        }
        double share = sum / reference;
        cells.addAll(List.of(number(PERCENT * sum / members.size()), number(PERCENT * share), weights));
        out.println("| " + String.join(" | ", cells) + " |");
        return share;
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.0f", value);
    }
}
