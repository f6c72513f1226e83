package io.tandem.loadtest.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.ScoreTable;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Whether the small file that distillation makes teaches what the whole file does: adapters are trained in as many steps on the
 * whole, on what is selected, on what is written in its place, and on as many examples at random, and are examined in all skills of
 * the file.
 */
@Command(
        name = "distillation",
        mixinStandardHelpOptions = true,
        description =
                "Distills files, and compares what adapters learn from the whole, from what is selected or written, and"
                        + " from chance.")
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
            paramLabel = "SKILL=EXAMPLES[:WRONG][+...]",
            defaultValue = "json=352,pig-latin=2000,pig-latin=1600+reverse=200+json=200,pig-latin=2000:20",
            description =
                    "Skills of the tour in a file, how many examples of each, and how many percent of those have the"
                            + " answers of others; default ${DEFAULT-VALUE}.")
    private List<String> files = List.of();

    @Option(
            names = "--part",
            defaultValue = "8",
            description = "An N-th is kept, or written; default ${DEFAULT-VALUE}.")
    private int part;

    @Option(names = "--epochs", defaultValue = "2", description = "Of the job that distills; default ${DEFAULT-VALUE}.")
    private int epochs;

    @Option(
            names = "--examinations",
            defaultValue = "8",
            description = "Of all losses, by that job; default ${DEFAULT-VALUE}.")
    private int examinations;

    @Option(
            names = "--learned",
            split = ",",
            paramLabel = "EXAMPLES",
            defaultValue = "whole,distilled,random,written,as many written",
            description = "What adapters learn; default ${DEFAULT-VALUE}.")
    private Set<String> parts = Set.of();

    @Option(
            names = "--writing-epochs",
            defaultValue = "2",
            description = "Of the jobs that write; default ${DEFAULT-VALUE}.")
    private int writingEpochs;

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
        Map<String, Integer> wrong = new LinkedHashMap<>();
        for (String part : file.split("\\+", -1)) {
            String[] words = part.split("[=:]", -1);
            skills.put(words[0], Integer.parseInt(words[1]));
            wrong.put(words[0], words.length > 2 ? Integer.parseInt(words[2]) : 0);
        }
        TourFiles.write(TASKS, TourFiles.SEED, skills);
        Random random = new Random(seed);
        List<String> whole = new ArrayList<>();
        for (String skill : skills.keySet()) {
            whole.addAll(examples(skill, wrong.getOrDefault(skill, 0), random));
        }
        Collections.shuffle(whole, random);
        List<Outcome> outcomes = new ArrayList<>();
        int few = whole.size() / part;
        if (parts.contains("whole")) {
            outcomes.add(examined(client, skills, file, "whole", whole, seed));
        }
        if (parts.contains("distilled")) {
            List<String> kept = distilled(client, whole, seed, selecting(few));
            outcomes.add(examined(client, skills, file, "distilled", kept, seed));
        }
        if (parts.contains("random")) {
            List<String> chance = new ArrayList<>(whole);
            Collections.shuffle(chance, random);
            outcomes.add(examined(client, skills, file, "random", chance.subList(0, few), seed));
        }
        if (parts.contains("written")) {
            List<String> written = distilled(client, whole, seed, writing(few));
            outcomes.add(examined(client, skills, file, "written", written, seed));
        }
        if (parts.contains("as many written")) {
            List<String> written = distilled(client, whole, seed, writing(whole.size()));
            outcomes.add(examined(client, skills, file, "as many written", written, seed));
        }
        return outcomes;
    }

    /**
     * Examples of a skill, in any order, with its name as their ability.
     *
     * @param wrong percent of the questions that have each other's answers
     */
    private static List<String> examples(String skill, int wrong, Random random) throws IOException {
        List<ObjectNode> chats = new ArrayList<>();
        for (String line : Files.readAllLines(TASKS.resolve(skill + ".train.jsonl"))) {
            chats.add(((ObjectNode) ApiClient.JSON.readTree(line)).put("ability", skill));
        }
        Collections.shuffle(chats, random);
        int count = (int) (chats.size() * wrong / PERCENT);
        List<JsonNode> answers =
                chats.stream().map(chat -> chat.at("/messages/1/content")).toList();
        for (int i = 0; i < count; i++) {
            ((ObjectNode) chats.get(i).at("/messages/1")).set("content", answers.get((i + 1) % count));
        }
        return chats.stream().map(ObjectNode::toString).toList();
    }

    private ObjectNode selecting(int examples) {
        ObjectNode distill = ApiClient.JSON.createObjectNode().put("examples", examples);
        distill.put("examinations", examinations);
        lessons.hyperparameters(distill.putObject("hyperparameters"), epochs);
        return distill;
    }

    private ObjectNode writing(int examples) {
        ObjectNode distill = ApiClient.JSON.createObjectNode().put("examples", examples);
        distill.put("texts", "written");
        lessons.hyperparameters(distill.putObject("hyperparameters"), writingEpochs);
        return distill;
    }

    private List<String> distilled(ApiClient client, List<String> lines, long seed, ObjectNode distill)
            throws IOException, InterruptedException {
        ObjectNode body = lessons.body(client, client.upload(lines), seed);
        body.putObject("method").put("type", "distill").set("distill", distill);
        TrainingJob job = TrainingJob.start(client, body);
        client.delete("/v1/models/" + job.await(event -> {}));
        JsonNode result = client.get("/v1/fine_tuning/jobs/" + job.id()).path("distill");
        OUT.printf(
                "%d examples of %d, %s%n",
                result.path("examples").asInt(), result.path("of").asInt(), result.path("written"));
        String file = result.path("file").asText();
        return new String(client.content("/v1/files/" + file + "/content"), StandardCharsets.UTF_8)
                .lines()
                .toList();
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
        return new Outcome(file, learned, lines.size(), seed, exact);
    }

    private static void print(List<Outcome> outcomes) {
        ScoreTable table = new ScoreTable();
        outcomes.forEach(outcome -> table.add(outcome.file, outcome.learned, outcome.exactMatch));
        table.print(OUT, "file");
    }
}
