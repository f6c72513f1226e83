package io.tandem.loadtest.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Whether the part of a file that distillation keeps teaches what the whole file does: adapters are trained in as many steps on the
 * whole, on what is kept, and on as many examples at random, and are examined in all skills of the file.
 */
@Command(
        name = "distillation",
        mixinStandardHelpOptions = true,
        description = "Distills files, and compares what adapters learn from the whole, from what is kept, and from chance.")
public final class DistilledFiles implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final Path TASKS = Path.of("loadtest/target/distillation");
    private static final double PERCENT = 100;

    @Mixin
    private ModelOption model = new ModelOption();

    @Mixin
    private Lessons lessons = new Lessons();

    @Option(
            names = "--files",
            split = ",",
            paramLabel = "SKILL=EXAMPLES[+...]",
            defaultValue = "json=352,pig-latin=2000,pig-latin=1600+reverse=200+json=200",
            description = "Skills of the tour in a file, and how many examples of each; default ${DEFAULT-VALUE}.")
    private List<String> files = List.of();

    @Option(names = "--part", defaultValue = "8", description = "An N-th is kept; default ${DEFAULT-VALUE}.")
    private int part;

    @Option(names = "--epochs", defaultValue = "2", description = "Of the job that distills; default ${DEFAULT-VALUE}.")
    private int epochs;

    @Option(
            names = "--wrong",
            defaultValue = "0",
            description = "Percent of the answers that are those of other questions; default ${DEFAULT-VALUE}.")
    private int wrong;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For distillation.csv.")
    private Path out = Path.of("");

    private record Outcome(String file, String learned, int examples, long seed, double exactMatch) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new DistilledFiles()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<Outcome> outcomes = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), "", "")) {
            for (String file : files) {
                for (long seed : lessons.seeds()) {
                    outcomes.addAll(measure(server.client(), file, seed));
                }
            }
        }
        print(outcomes);
        Table.write(
                out.resolve("distillation.csv"),
                "file,learned,examples,seed,exact_match",
                outcomes.stream()
                        .<List<?>>map(outcome -> List.of(
                                outcome.file, outcome.learned, outcome.examples, outcome.seed, outcome.exactMatch))
                        .toList());
        return 0;
    }

    private List<Outcome> measure(ApiClient client, String file, long seed) throws IOException, InterruptedException {
        Map<String, Integer> skills = new LinkedHashMap<>();
        for (String skill : file.split("\\+")) {
            skills.put(skill.split("=")[0], Integer.parseInt(skill.split("=")[1]));
        }
        TourFiles.write(TASKS, TourFiles.SEED, skills);
        List<String> whole = new ArrayList<>();
        for (String skill : skills.keySet()) {
            whole.addAll(Files.readAllLines(TASKS.resolve(skill + ".train.jsonl")));
        }
        Collections.shuffle(whole, new Random(seed));
        mix(whole);
        List<Outcome> outcomes = new ArrayList<>();
        List<String> kept = distilled(client, whole, seed);
        List<String> random = new ArrayList<>(whole);
        Collections.shuffle(random, new Random(-seed));
        outcomes.add(examined(client, skills, file, "whole", whole, seed));
        outcomes.add(examined(client, skills, file, "distilled", kept, seed));
        outcomes.add(examined(client, skills, file, "random", random.subList(0, kept.size()), seed));
        return outcomes;
    }

    /** Gives some of the questions each other's answers. */
    private void mix(List<String> lines) throws IOException {
        int count = lines.size() * wrong / (int) PERCENT;
        List<JsonNode> chats = new ArrayList<>();
        for (String line : lines.subList(0, count)) {
            chats.add(ApiClient.JSON.readTree(line));
        }
        for (int i = 0; i < count; i++) {
            ObjectNode chat = chats.get(i).deepCopy();
            JsonNode other = chats.get((i + 1) % count).at("/messages/1/content");
            ((ObjectNode) chat.at("/messages/1")).set("content", other);
            lines.set(i, chat.toString());
        }
    }

    private List<String> distilled(ApiClient client, List<String> lines, long seed)
            throws IOException, InterruptedException {
        ObjectNode body = lessons.body(client, client.upload(lines), seed);
        ObjectNode distill =
                body.putObject("method").put("type", "distill").putObject("distill").put("examples", lines.size() / part);
        lessons.hyperparameters(distill.putObject("hyperparameters"), epochs);
        TrainingJob job = TrainingJob.start(client, body);
        client.delete("/v1/models/" + job.await(event -> {}));
        String file = client.get("/v1/fine_tuning/jobs/" + job.id())
                .at("/distill/file")
                .asText();
        return new String(client.content("/v1/files/" + file + "/content"), StandardCharsets.UTF_8).lines().toList();
    }

    /** The mean over the skills. */
    private Outcome examined(
            ApiClient client, Map<String, Integer> skills, String file, String learned, List<String> lines, long seed)
            throws IOException, InterruptedException {
        String adapter = lessons.train(client, lines, seed);
        double sum = 0;
        for (String skill : skills.keySet()) {
            sum += new Exam(Files.readAllLines(TASKS.resolve(skill + ".test.jsonl"))).exactMatch(client, adapter);
        }
        client.delete("/v1/models/" + adapter);
        double exact = sum / skills.size();
        OUT.printf(
                Locale.ROOT,
                "%s, %s (%d), seed %d: %.0f %% exact%n",
                file,
                learned,
                lines.size(),
                seed,
                PERCENT * exact);
        return new Outcome(name(file), learned, lines.size(), seed, exact);
    }

    private String name(String file) {
        return file + (wrong > 0 ? " with " + wrong + " % wrong" : "");
    }

    private void print(List<Outcome> outcomes) {
        OUT.println("\n| file | whole | distilled | random |");
        OUT.println("|---|---|---|---|");
        for (String file : files) {
            List<String> cells = new ArrayList<>();
            for (String learned : List.of("whole", "distilled", "random")) {
                DoubleSummaryStatistics exact = outcomes.stream()
                        .filter(outcome -> outcome.file.equals(name(file)) && outcome.learned.equals(learned))
                        .mapToDouble(outcome -> PERCENT * outcome.exactMatch)
                        .summaryStatistics();
                cells.add(String.format(
                        Locale.ROOT, "%.0f %% (%.0f–%.0f)", exact.getAverage(), exact.getMin(), exact.getMax()));
            }
            OUT.printf("| %s | %s |%n", name(file), String.join(" | ", cells));
        }
    }
}
