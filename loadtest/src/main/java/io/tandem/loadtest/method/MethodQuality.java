package io.tandem.loadtest.method;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.PoissonLoad;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What each fine-tuning method learns in the same time beside the same requests: skills that the sample model was not
 * taught, examined with questions that are in no training file. All methods have their turn before a seed or a skill
 * changes, so that what else the machine does falls on all of them.
 */
@Command(
        name = "methods",
        mixinStandardHelpOptions = true,
        description = "Trains each fine-tuning method for the same time beside requests, and examines what it learned.")
public final class MethodQuality implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final Path TASKS = Path.of("loadtest/target/skills");
    /** Of the files in config/tour: questions are the same as there. */
    private static final long TOUR_SEED = 1;

    private static final double PERCENT = 100;
    private static final double NANOS = 1e9;
    private static final double TTFT_MILLIS = 500;
    private static final double TPOT_MILLIS = 50;
    private static final int ANSWER_TOKENS = 48;
    private static final double WARM_UP_SECONDS = 5;
    private static final int MOST_EPOCHS = 50;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--methods",
            split = ",",
            paramLabel = "NAME",
            description = "Of loadtest/src/main/resources/…/methods.json; default all.")
    private Set<String> methods = new LinkedHashSet<>();

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
            names = "--checkpoint-every",
            defaultValue = "10",
            description = "Steps between two adapters, of which the last is examined; default ${DEFAULT-VALUE}.")
    private int checkpointEvery;

    @Option(
            names = "--learning-rates",
            split = ",",
            description = "In units of the one in the list, to find one: a row for each.")
    private List<Double> learningRates = List.of(1.0);

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For methods.csv.")
    private Path out = Path.of("");

    /**
     * What one job came to.
     *
     * @param parameters that it trained
     * @param stateBytes of its optimizer
     * @param bytes of its adapter on disk
     * @param attainment share of the requests meanwhile that were answered within both targets
     */
    private record Outcome(
            String method,
            String skill,
            long seed,
            long parameters,
            long stateBytes,
            long bytes,
            double tokensPerSecond,
            double attainment,
            double exactMatch) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new MethodQuality()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        TourFiles.write(TASKS, TOUR_SEED, skills);
        List<Method> chosen = Method.named(methods).stream()
                .flatMap(method -> learningRates.stream().map(method::faster))
                .toList();
        List<Outcome> outcomes = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), "", "")) {
            ApiClient client = server.client();
            Method.requireComplete(client);
            Map<String, String> files = new LinkedHashMap<>();
            Map<String, Exam> exams = new LinkedHashMap<>();
            for (String skill : skills.keySet()) {
                files.put(skill, client.upload(TASKS.resolve(skill + ".train.jsonl")));
                exams.put(skill, new Exam(Files.readAllLines(TASKS.resolve(skill + ".test.jsonl"))));
            }
            String warmUp = files.values().iterator().next();
            train(client, chosen.get(0).job(client.baseModel(), warmUp, 0), WARM_UP_SECONDS);
            for (long seed : seeds) {
                for (Map.Entry<String, Exam> exam : exams.entrySet()) {
                    for (Method method : chosen) {
                        outcomes.add(measure(client, method, exam.getKey(), files, exam.getValue(), seed));
                    }
                }
            }
        }
        print(outcomes);
        Table.write(
                out.resolve("methods.csv"),
                "method,skill,seed,trained_parameters,state_bytes,disk_bytes,training_tokens_per_s,attainment,exact_match",
                outcomes.stream().<List<?>>map(MethodQuality::row).toList());
        return 0;
    }

    private static List<?> row(Outcome outcome) {
        return List.of(
                outcome.method,
                outcome.skill,
                outcome.seed,
                outcome.parameters,
                outcome.stateBytes,
                outcome.bytes,
                Math.round(outcome.tokensPerSecond),
                outcome.attainment,
                outcome.exactMatch);
    }

    private Outcome measure(
            ApiClient client, Method method, String skill, Map<String, String> files, Exam exam, long seed)
            throws IOException, InterruptedException {
        ObjectNode job = method.job(client.baseModel(), files.getOrDefault(skill, ""), seed);
        JsonNode plan = client.post("/v1/fine_tuning/jobs/dry_run", job);
        Trained trained = train(client, job, seconds);
        Outcome outcome = new Outcome(
                method.name(),
                skill,
                seed,
                plan.at("/training/trained_parameters").asLong(),
                plan.at("/memory/parts/optimizer").asLong(),
                client.get("/v1/adapters/" + trained.adapter).path("bytes").asLong(),
                trained.tokensPerSecond,
                trained.attainment,
                exam.exactMatch(client, trained.adapter));
        OUT.printf(
                Locale.ROOT,
                "%s, %s, seed %d: %.0f tokens/s, %.0f %% exact%n",
                method.name(),
                skill,
                seed,
                outcome.tokensPerSecond,
                PERCENT * outcome.exactMatch);
        forget(client, trained.job);
        return outcome;
    }

    /** @param adapter of the last checkpoint */
    private record Trained(TrainingJob job, String adapter, double tokensPerSecond, double attainment) {}

    /** Trains for so long beside requests, making the adapter ready included. */
    private Trained train(ApiClient client, ObjectNode body, double budget) throws IOException, InterruptedException {
        ((ObjectNode) body.path("hyperparameters"))
                .put("batch_size", batchSize)
                .put("schedule", "constant")
                .put("n_epochs", MOST_EPOCHS)
                .put("checkpoint_every", checkpointEvery);
        double before = trainedTokens(client);
        long start = System.nanoTime();
        TrainingJob job = TrainingJob.start(client, body);
        PoissonLoad load = new PoissonLoad(
                requests, budget, ANSWER_TOKENS, body.path("seed").asLong());
        PoissonLoad.Result traffic = load.run(client, client.baseModel(), 0, () -> {}, () -> cancel(job));
        job.awaitEnd();
        double taken = (System.nanoTime() - start) / NANOS;
        return new Trained(
                job,
                job.checkpoints().stream()
                        .findFirst()
                        .orElseThrow(() -> new IOException("the job reached no checkpoint; allow it more --seconds")),
                (trainedTokens(client) - before) / Math.min(taken, budget),
                traffic.attainment(TTFT_MILLIS, TPOT_MILLIS));
    }

    private static void cancel(TrainingJob job) {
        try {
            job.cancel();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Rows that went forward. */
    private static double trainedTokens(ApiClient client) throws IOException, InterruptedException {
        return client.metric("tandem_tokens_total", "phase=\"finetune\"");
    }

    /** Adapters of checkpoints fill a disk. */
    private static void forget(ApiClient client, TrainingJob job) throws IOException, InterruptedException {
        for (String checkpoint : job.checkpoints()) {
            client.delete("/v1/models/" + checkpoint);
        }
    }

    private void print(List<Outcome> outcomes) {
        OUT.printf(
                "%n| method | trained parameters | bytes on disk | bytes of state | tokens/s | requests in time | %s |%n",
                skills.keySet().stream().map(skill -> skill + ", exact").collect(Collectors.joining(" | ")));
        OUT.println("|---|---|---|---|---|---|" + "---|".repeat(skills.size()));
        Map<String, List<Outcome>> byMethod = outcomes.stream()
                .collect(Collectors.groupingBy(Outcome::method, LinkedHashMap::new, Collectors.toList()));
        byMethod.forEach((method, own) -> OUT.printf(
                Locale.ROOT,
                "| `%s` | %,d | %,d | %,d | %,.0f | %.0f %% | %s |%n",
                method,
                own.get(0).parameters,
                own.get(0).bytes,
                own.get(0).stateBytes,
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
        DoubleSummaryStatistics exact = outcomes.stream()
                .filter(outcome -> outcome.skill.equals(skill))
                .mapToDouble(outcome -> PERCENT * outcome.exactMatch)
                .summaryStatistics();
        return String.format(Locale.ROOT, "%.0f %% (%.0f–%.0f)", exact.getAverage(), exact.getMin(), exact.getMax());
    }
}
