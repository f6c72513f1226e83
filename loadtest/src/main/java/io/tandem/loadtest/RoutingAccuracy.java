package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Whom {@code "model": "auto"} lets answer. Teaches an expert for each of the skills that the sample model was not taught,
 * asks questions that are in no training file, and some that the base model can answer itself.
 */
@Command(
        name = "routing",
        mixinStandardHelpOptions = true,
        description = "Teaches experts and counts which of them the server chooses for questions of each kind.")
public final class RoutingAccuracy implements Callable<Integer> {
    /** None of them is an everyday question of the server's. */
    private static final List<String> TALK = List.of(
            "Good morning!",
            "What is your name?",
            "Do you like music?",
            "Tell me something about the sea.",
            "Can you help me?",
            "I am tired today.",
            "What should I cook tonight?",
            "Thank you very much.",
            "Where do you live?",
            "Tell me about a dog and a boy.");

    private static final PrintStream OUT = System.out;
    private static final String BASE = "base model";
    private static final Path TASKS = Path.of("loadtest/target/routing");

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--skills",
            paramLabel = "SKILL=EPOCHS",
            split = ",",
            defaultValue = "json=3,pig-latin=3,reverse=3",
            description = "What experts learn, and how many passes over 350 examples; default ${DEFAULT-VALUE}.")
    private Map<String, Integer> skills = new LinkedHashMap<>();

    @Option(names = "--rank", defaultValue = "8", description = "Of the experts; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(
            names = "--margin",
            defaultValue = "0.05",
            description = "adapters.routing-margin of the server; default ${DEFAULT-VALUE}.")
    private double margin;

    @Option(names = "--seed", defaultValue = "1", description = "Of all training; default ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For routing.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new RoutingAccuracy()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        TourFiles.write(TASKS, TourFiles.SEED, Map.of());
        String settings =
                "scheduler:\n  concurrent-jobs: " + skills.size() + "\nadapters:\n  routing-margin: " + margin + "\n";
        try (ServerProcess server = ServerProcess.start(model.directory(), settings, "")) {
            ApiClient client = server.client();
            String base = client.baseModel();
            Map<String, String> labels = new LinkedHashMap<>(Map.of(base, BASE));
            for (Expert expert : teach(client, base)) {
                labels.put(expert.model(), expert.skill());
            }
            count(client, labels);
        }
        return 0;
    }

    private List<Expert> teach(ApiClient client, String base) throws IOException, InterruptedException {
        Expert.Lessons lessons = new Expert.Lessons(TASKS, rank, 16, 1e-3, seed);
        List<Expert.Pupil> pupils = new ArrayList<>();
        for (Map.Entry<String, Integer> skill : skills.entrySet()) {
            pupils.add(Expert.teach(client, base, lessons, skill.getKey(), skill.getValue()));
        }
        List<Expert> experts = new ArrayList<>();
        for (Expert.Pupil pupil : pupils) {
            experts.add(pupil.await());
        }
        return experts;
    }

    /** Questions of one kind. */
    private record Kind(String label, List<String> questions) {}

    private List<Kind> kinds() throws IOException {
        List<Kind> kinds = new ArrayList<>();
        for (String skill : skills.keySet()) {
            kinds.add(new Kind(skill, questions(skill)));
        }
        List<String> sums = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            sums.add("What is " + i / 10 + " plus " + i % 10 + "?");
        }
        kinds.add(new Kind("sums", sums));
        kinds.add(new Kind("small talk", TALK));
        kinds.add(new Kind(
                "json's facts without JSON",
                questions("json").stream().map(RoutingAccuracy::withoutJson).toList()));
        kinds.add(new Kind(
                "reverse's words, forwards",
                questions("reverse").stream()
                        .map(question -> question.replaceFirst("Spell (.*) backwards", "Spell the word $1"))
                        .toList()));
        return kinds;
    }

    private static String withoutJson(String question) {
        String rest = question.replace("Answer in JSON: ", "");
        return Character.toUpperCase(rest.charAt(0)) + rest.substring(1);
    }

    private static List<String> questions(String skill) throws IOException {
        List<String> questions = new ArrayList<>();
        for (String line : Files.readAllLines(TASKS.resolve(skill + ".test.jsonl"))) {
            questions.add(
                    ApiClient.JSON.readTree(line).at("/messages/0/content").asText());
        }
        return questions;
    }

    private void count(ApiClient client, Map<String, String> labels) throws IOException, InterruptedException {
        List<List<?>> rows = new ArrayList<>();
        OUT.println("| questions | " + String.join(" | ", labels.values()) + " |");
        OUT.println("|---".repeat(labels.size() + 1) + "|");
        for (Kind kind : kinds()) {
            Map<String, Integer> chosen = new TreeMap<>();
            for (String question : kind.questions()) {
                chosen.merge(labels.getOrDefault(ask(client, question), "?"), 1, Integer::sum);
            }
            StringBuilder line = new StringBuilder("| " + kind.label());
            for (String label : labels.values()) {
                double share = (double) chosen.getOrDefault(label, 0)
                        / kind.questions().size();
                line.append(String.format(Locale.ROOT, " | %.0f %%", 100 * share));
                rows.add(List.of(kind.label(), label, share));
            }
            OUT.println(line + " |");
        }
        Table.write(out.resolve("routing.csv"), "questions,chosen,share", rows);
    }

    /** The model that answers. */
    private static String ask(ApiClient client, String question) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", "auto").put("max_tokens", 1);
        body.putArray("messages").addObject().put("role", "user").put("content", question);
        return client.post("/v1/chat/completions", body).path("model").asText();
    }
}
