package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** What merges of experts know of each expert's skill: every method on the first two of them and on all. */
final class MergeQuality {
    private static final double PERCENT = 100;
    private static final int OTHER_COLUMNS = 5;

    /**
     * A way to merge.
     *
     * @param density share of the entries that are kept; 0 if the strategy takes none
     * @param weight of each expert
     * @param searched whether the weights are looked for from there
     */
    private record Method(String label, String strategy, double density, double weight, boolean searched) {}

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

    private List<Method> methods(int count) {
        double average = 1.0 / count;
        List<Method> methods = new ArrayList<>(List.of(
                new Method("average", "linear", 0, average, false),
                new Method("sum", "linear", 0, 1, false),
                new Method("searched sum", "linear", 0, 1, true),
                new Method("sum by svd", "svd", 0, 1, false),
                new Method("magnitude prune", "magnitude_prune", density, 1, false),
                new Method("TIES", "ties", density, 1, false),
                new Method("searched TIES", "ties", density, 1, true),
                new Method("TIES by svd", "ties_svd", density, 1, false),
                new Method("DARE-TIES", "dare_ties", density, 1, false),
                new Method("PCB", "pcb", density, 1, false),
                new Method("searched PCB", "pcb", density, 1, true)));
        if (count == 2) {
            methods.add(new Method("layer swap", "layer_swap", 0, 1, false));
        }
        return methods;
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
        for (Method method : methods(members.size())) {
            String name = "merge-" + kept.size();
            JsonNode report = client.post("/v1/adapters/merge", request(name, method, members, file))
                    .path("merge");
            String weights = StreamSupport.stream(
                            report.at("/validation/weights").spliterator(), false)
                    .map(weight -> String.format(Locale.ROOT, "%.2f", weight.asDouble()))
                    .collect(Collectors.joining(" "));
            double share = row(names, method.label(), members, name, weights);
            kept.add(new Kept(method.label(), members.size(), share));
        }
    }

    private ObjectNode request(String name, Method method, List<Expert> members, String validationFile) {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("name", name).put("merge_strategy", method.strategy());
        ArrayNode ids = body.putArray("ids");
        ArrayNode weights = body.putArray("weights");
        members.forEach(member -> {
            ids.add(member.model());
            weights.add(method.weight());
        });
        if (method.density() > 0) {
            body.put("density", method.density());
        }
        if (method.searched()) {
            body.put("validation_file", validationFile).put("evaluations", evaluations);
        }
        return body;
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
