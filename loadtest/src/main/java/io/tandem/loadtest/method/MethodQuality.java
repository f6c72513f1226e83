package io.tandem.loadtest.method;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.PoissonLoad;
import io.tandem.loadtest.ScoreTable;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.TrainingLines;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
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
 * What each fine-tuning method learns in the same time beside the same requests: skills that the sample model was not
 * taught, examined with questions that are in no training file. A short job says how many steps a method makes in a second;
 * the job that counts has as many as the time allows, so that schedules of methods and of learning rates run to their end.
 * All methods have their turn before a seed or a skill changes, so that what else the machine does falls on all of them.
 */
@Command(
        name = "methods",
        mixinStandardHelpOptions = true,
        description = "Trains each fine-tuning method for the same time beside requests, and examines what it learned.")
public final class MethodQuality implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final Path TASKS = Path.of("loadtest/target/skills");

    private static final double PERCENT = 100;
    private static final double NANOS = 1e9;
    private static final double TTFT_MILLIS = 500;
    private static final double TPOT_MILLIS = 50;
    private static final int ANSWER_TOKENS = 48;
    private static final double PROBE_SECONDS = 2;
    private static final int MOST_EPOCHS = 50;

    @Mixin
    private ModelOption model = new ModelOption();

    @Mixin
    private MethodsOption methods = new MethodsOption();

    @Option(
            names = "--skills",
            split = ",",
            paramLabel = "SKILL=EXAMPLES",
            defaultValue = "json=350,pig-latin=2000,reverse=2000",
            description = "Of the tour, and how many examples of each; default ${DEFAULT-VALUE}.")
    private Map<String, Integer> skills = new LinkedHashMap<>();

    @Option(names = "--seconds", defaultValue = "10", description = "Of each job; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(names = "--seeds", split = ",", defaultValue = "1,2,3", description = "Default ${DEFAULT-VALUE}.")
    private List<Long> seeds = List.of();

    @Option(
            names = "--requests",
            defaultValue = "5",
            description = "Per second, to the base model meanwhile; default ${DEFAULT-VALUE}.")
    private double requests;

    @Option(names = "--batch-size", defaultValue = "8", description = "Of a step; default ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(
            names = "--learning-rates",
            split = ",",
            description = "In units of the one in the list, to find one: a row for each.")
    private List<Double> learningRates = List.of(1.0);

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For methods.csv.")
    private Path out = Path.of("");

    /** Steps per second of each method at each skill. */
    private final Map<String, Double> speeds = new HashMap<>();

    /**
     * What one job came to.
     *
     * @param parameters that it trained
     * @param stateBytes of its optimizer
     * @param bytes of its adapter, or base model, on disk
     * @param seconds that it took
     * @param attainment share of the requests meanwhile that were answered within both targets
     */
    private record Outcome(
            String method,
            String skill,
            long seed,
            long parameters,
            long stateBytes,
            long bytes,
            double seconds,
            double tokensPerSecond,
            double attainment,
            double exactMatch) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new MethodQuality()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        TourFiles.write(TASKS, TourFiles.SEED, skills);
        List<Method> chosen = methods.chosen().stream()
                .flatMap(method -> learningRates.stream().map(method::faster))
                .toList();
        List<Outcome> outcomes = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), settings(chosen), "")) {
            ApiClient client = server.client();
            Method.requireComplete(client);
            Map<String, Exam> exams = new LinkedHashMap<>();
            for (String skill : skills.keySet()) {
                exams.put(skill, new Exam(Files.readAllLines(TASKS.resolve(skill + ".test.jsonl"))));
            }
            // The first jobs of a server are slower than those that follow.
            probe(client, chosen.get(0), exams.keySet().iterator().next());
            for (long seed : seeds) {
                for (Map.Entry<String, Exam> exam : exams.entrySet()) {
                    for (Method method : chosen) {
                        outcomes.add(measure(server, method, exam.getKey(), exam.getValue(), seed));
                    }
                }
            }
        }
        print(outcomes);
        Table.write(
                out.resolve("methods.csv"),
                "method,skill,seed,trained_parameters,state_bytes,disk_bytes,seconds,training_tokens_per_s,attainment,exact_match",
                outcomes.stream().<List<?>>map(MethodQuality::row).toList());
        return 0;
    }

    /** As a server comes, unless some have modules in full, for which there is no room then. */
    private static String settings(List<Method> chosen) {
        int full = chosen.stream().mapToInt(Method::fullModules).max().orElse(0);
        return full == 0 ? "" : "kernels:\n  full-modules: " + full + "\n";
    }

    private static List<?> row(Outcome outcome) {
        return List.of(
                outcome.method,
                outcome.skill,
                outcome.seed,
                outcome.parameters,
                outcome.stateBytes,
                outcome.bytes,
                outcome.seconds,
                Math.round(outcome.tokensPerSecond),
                outcome.attainment,
                outcome.exactMatch);
    }

    private Outcome measure(ServerProcess server, Method method, String skill, Exam exam, long seed)
            throws IOException, InterruptedException {
        ApiClient client = server.client();
        String key = method.name() + " " + skill;
        if (!speeds.containsKey(key)) {
            speeds.put(key, probe(client, method, skill));
        }
        int steps = (int) Math.max(1, seconds * speeds.getOrDefault(key, 1.0));
        List<String> lines = Files.readAllLines(TASKS.resolve(skill + ".train.jsonl"));
        String file = client.upload(TrainingLines.repeated(lines, steps * batchSize, new Random(seed)));
        ObjectNode body = body(client, method, file, seed, 1);
        JsonNode plan = client.post("/v1/fine_tuning/jobs/dry_run", body);
        double before = trainedTokens(client);
        long start = System.nanoTime();
        TrainingJob job = TrainingJob.start(client, body);
        double attainment = new PoissonLoad(requests, seconds, ANSWER_TOKENS, seed)
                .run(client, client.baseModel(), 0, () -> {}, () -> {})
                .attainment(TTFT_MILLIS, TPOT_MILLIS);
        String adapter = job.await(event -> {});
        double taken = seconds(client, job, start);
        double tokens = trainedTokens(client) - before;
        Made made = method.makesBase() ? Made.base(server, job) : Made.adapter(server, adapter);
        try {
            Outcome outcome = new Outcome(
                    method.name(),
                    skill,
                    seed,
                    plan.at("/training/trained_parameters").asLong(),
                    plan.at("/memory/parts/optimizer").asLong(),
                    made.bytes(),
                    taken,
                    tokens / taken,
                    attainment,
                    exam.exactMatch(made.client(), made.model()));
            OUT.printf(
                    Locale.ROOT,
                    "%s, %s, seed %d: %d steps in %.1f s, %.0f %% exact%n",
                    method.name(),
                    skill,
                    seed,
                    steps,
                    taken,
                    PERCENT * outcome.exactMatch);
            return outcome;
        } finally {
            made.forget();
        }
    }

    /** From its creation to its end, to the second, since that is how jobs tell it; at most until now. */
    private static double seconds(ApiClient client, TrainingJob job, long start)
            throws IOException, InterruptedException {
        JsonNode object = client.get("/v1/fine_tuning/jobs/" + job.id());
        double told = object.path("finished_at").asDouble()
                - object.path("created_at").asDouble();
        return Math.min(Math.max(1, told), (System.nanoTime() - start) / NANOS);
    }

    /** Steps per second beside requests, once the first one is done. */
    private double probe(ApiClient client, Method method, String skill) throws IOException, InterruptedException {
        String file = client.upload(Files.readAllLines(TASKS.resolve(skill + ".train.jsonl")));
        TrainingJob job = TrainingJob.start(client, body(client, method, file, 0, MOST_EPOCHS));
        job.awaitStep();
        int before = job.steps();
        long start = System.nanoTime();
        new PoissonLoad(requests, PROBE_SECONDS, ANSWER_TOKENS, 0)
                .run(client, client.baseModel(), 0, () -> {}, () -> {});
        double speed = (job.steps() - before) / ((System.nanoTime() - start) / NANOS);
        job.cancel();
        return speed;
    }

    private ObjectNode body(ApiClient client, Method method, String file, long seed, int epochs)
            throws IOException, InterruptedException {
        ObjectNode body = method.job(client.baseModel(), file, seed);
        ((ObjectNode) body.path("hyperparameters"))
                .put("batch_size", batchSize)
                .put("n_epochs", epochs)
                .put("n_checkpoints", 0);
        return body;
    }

    /** Rows that went forward. */
    private static double trainedTokens(ApiClient client) throws IOException, InterruptedException {
        return client.metric("tandem_tokens_total", "phase=\"finetune\"");
    }

    private void print(List<Outcome> outcomes) {
        OUT.printf(
                "%n| method | trained parameters | bytes on disk | bytes of state | seconds | tokens/s | requests in time | %s |%n",
                skills.keySet().stream().map(skill -> skill + ", exact").collect(Collectors.joining(" | ")));
        OUT.println("|---|---|---|---|---|---|---|" + "---|".repeat(skills.size()));
        Map<String, List<Outcome>> byMethod = outcomes.stream()
                .collect(Collectors.groupingBy(Outcome::method, LinkedHashMap::new, Collectors.toList()));
        byMethod.forEach((method, own) -> OUT.printf(
                Locale.ROOT,
                "| `%s` | %,d | %,d | %,d | %.1f | %,.0f | %.0f %% | %s |%n",
                method,
                own.get(0).parameters,
                own.get(0).bytes,
                own.get(0).stateBytes,
                own.stream().mapToDouble(Outcome::seconds).average().orElseThrow(),
                own.stream().mapToDouble(Outcome::tokensPerSecond).average().orElseThrow(),
                PERCENT
                        * own.stream()
                                .mapToDouble(Outcome::attainment)
                                .average()
                                .orElseThrow(),
                skills.keySet().stream().map(skill -> exact(own, skill)).collect(Collectors.joining(" | "))));
    }

    /** The mean over the seeds, and the worst and the best. */
    private static String exact(List<Outcome> outcomes, String skill) {
        return ScoreTable.cell(outcomes.stream()
                .filter(outcome -> outcome.skill.equals(skill))
                .mapToDouble(outcome -> PERCENT * outcome.exactMatch)
                .summaryStatistics());
    }
}
