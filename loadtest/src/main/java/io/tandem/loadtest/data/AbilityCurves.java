package io.tandem.loadtest.data;

import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.ScoreTable;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingLines;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * How much data each ability needs (as Song et al., 2023, and Dong et al., 2023, ask of instruction tuning): adapters that are trained
 * on a part of the examples of several abilities together, in as many steps whatever the part, are examined in each ability. Every
 * step has as many examples of each.
 */
@Command(
        name = "abilities",
        mixinStandardHelpOptions = true,
        description = "Trains adapters on parts of the data of several abilities, and examines each ability.")
public final class AbilityCurves implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final Path TASKS = Path.of("loadtest/target/abilities");
    private static final double PERCENT = 100;

    @Mixin
    private ModelOption model = new ModelOption();

    @Mixin
    private Lessons lessons = new Lessons();

    @Option(
            names = "--abilities",
            split = ",",
            paramLabel = "ABILITY=EXAMPLES",
            defaultValue = "json=352,pig-latin=2048,reverse=2048",
            description =
                    "Skills of the tour, and how many examples of each are all of them; default ${DEFAULT-VALUE}.")
    private Map<String, Integer> abilities = new LinkedHashMap<>();

    @Option(
            names = "--parts",
            split = ",",
            paramLabel = "N",
            defaultValue = "16,8,4,2,1",
            description = "An N-th of the data each; default ${DEFAULT-VALUE}.")
    private List<Integer> parts = List.of();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For abilities.csv.")
    private Path out = Path.of("");

    /** @param part of the data, as in 1/8 */
    private record Outcome(String ability, String part, int examples, long seed, double exactMatch) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new AbilityCurves()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        TourFiles.write(TASKS, TourFiles.SEED, abilities);
        List<Outcome> outcomes = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), "", "")) {
            for (long seed : lessons.seeds()) {
                for (int part : parts) {
                    outcomes.addAll(measure(server.client(), part, seed));
                }
            }
        }
        print(outcomes);
        Table.write(
                out.resolve("abilities.csv"),
                "ability,part,examples,seed,exact_match",
                outcomes.stream()
                        .<List<?>>map(outcome -> List.of(
                                outcome.ability, outcome.part, outcome.examples, outcome.seed, outcome.exactMatch))
                        .toList());
        return 0;
    }

    private List<Outcome> measure(ApiClient client, int part, long seed) throws IOException, InterruptedException {
        Map<String, Integer> counts = new LinkedHashMap<>();
        List<String> mixed = new ArrayList<>();
        for (String ability : abilities.keySet()) {
            List<String> lines = new ArrayList<>(Files.readAllLines(TASKS.resolve(ability + ".train.jsonl")));
            Collections.shuffle(lines, new Random(seed));
            List<String> some = lines.subList(0, Math.max(1, lines.size() / part));
            counts.put(ability, some.size());
            mixed.addAll(TrainingLines.repeated(some, lessons.examples() / abilities.size(), new Random(seed)));
        }
        String adapter = lessons.train(client, mixed, seed);
        List<Outcome> outcomes = new ArrayList<>();
        for (String ability : abilities.keySet()) {
            double exact =
                    new Exam(Files.readAllLines(TASKS.resolve(ability + ".test.jsonl"))).exactMatch(client, adapter);
            outcomes.add(new Outcome(ability, "1/" + part, counts.getOrDefault(ability, 0), seed, exact));
        }
        client.delete("/v1/models/" + adapter);
        OUT.printf(
                Locale.ROOT,
                "1/%d, seed %d: %s%n",
                part,
                seed,
                outcomes.stream()
                        .map(outcome ->
                                String.format(Locale.ROOT, "%s %.0f %%", outcome.ability, PERCENT * outcome.exactMatch))
                        .collect(Collectors.joining(", ")));
        return outcomes;
    }

    private static void print(List<Outcome> outcomes) {
        ScoreTable table = new ScoreTable();
        outcomes.forEach(outcome -> table.add(outcome.ability, outcome.part, outcome.exactMatch));
        table.print(OUT, "ability");
    }
}
