package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures small LoRA jobs that train at once, side by side in the same iterations and in turns, alone and beside answers.
 * Two servers take turns, so that what else the machine does falls on both, and ratios are those of neighbouring rounds.
 */
@Command(
        name = "concurrent-jobs",
        mixinStandardHelpOptions = true,
        description = "Measures jobs that train side by side against jobs that train in turns.")
public final class ConcurrentJobs implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double NANOS = 1e9;
    private static final String CPU = "process_cpu_time_ns_total";
    private static final long POLL_MILLIS = 20;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--jobs",
            split = ",",
            defaultValue = "2,4",
            description = "How many at once; default ${DEFAULT-VALUE}.")
    private List<Integer> jobs = List.of();

    @Option(
            names = "--batch-sizes",
            split = ",",
            defaultValue = "1,4,16",
            description = "Of each job, in examples; default ${DEFAULT-VALUE}.")
    private List<Integer> batches = List.of();

    @Option(
            names = "--answers",
            split = ",",
            defaultValue = "0,4",
            description = "How many at once beside the jobs; default ${DEFAULT-VALUE}.")
    private List<Integer> answers = List.of();

    @Option(names = "--rank", defaultValue = "8", description = "Of the adapters; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--seconds", defaultValue = "2", description = "Of each round; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(names = "--rounds", defaultValue = "5", description = "Of which the median counts; default 5.")
    private int rounds;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For concurrent-jobs.csv.")
    private Path out = Path.of("");

    /** Of one round: tokens that went forward, per second and per second of the processors. */
    private record Speed(double perSecond, double perCpuSecond) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new ConcurrentJobs()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<List<?>> rows = new ArrayList<>();
        OUT.println(
                "| jobs | batch size | answers | in turns, tokens/s | side by side | ratio | ratio per processor time |");
        OUT.println("|---|---|---|---|---|---|---|");
        try (ServerProcess turns = ServerProcess.start(model.directory(), settings("in-turn"), "");
                ServerProcess together = ServerProcess.start(model.directory(), settings("together"), "")) {
            for (int beside : answers) {
                for (int count : jobs) {
                    for (int batch : batches) {
                        rows.add(compare(turns.client(), together.client(), count, batch, beside));
                    }
                }
            }
        }
        Table.write(
                out.resolve("concurrent-jobs.csv"),
                "jobs,batch_size,answers,in_turn_tokens_per_s,together_tokens_per_s,ratio,cpu_ratio",
                rows);
        return 0;
    }

    private String settings(String packs) {
        int most = jobs.stream().mapToInt(count -> count).max().orElse(1);
        return "scheduler:\n  packs: " + packs + "\n  concurrent-jobs: " + most + "\n";
    }

    private List<?> compare(ApiClient turns, ApiClient together, int count, int batch, int beside) throws Exception {
        List<Double> before = new ArrayList<>();
        List<Double> after = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        List<Double> cpuRatios = new ArrayList<>();
        for (int round = -1; round < rounds; round++) {
            Speed first = measure(turns, count, batch, beside);
            Speed second = measure(together, count, batch, beside);
            if (round >= 0) {
                before.add(first.perSecond());
                after.add(second.perSecond());
                ratios.add(second.perSecond() / first.perSecond());
                cpuRatios.add(second.perCpuSecond() / first.perCpuSecond());
            }
        }
        OUT.printf(
                Locale.ROOT,
                "| %d | %d | %d | %.0f | %.0f | %.2f | %.2f |%n",
                count,
                batch,
                beside,
                median(before),
                median(after),
                median(ratios),
                median(cpuRatios));
        return List.of(
                count,
                batch,
                beside,
                Math.round(median(before)),
                Math.round(median(after)),
                String.format(Locale.ROOT, "%.3f", median(ratios)),
                String.format(Locale.ROOT, "%.3f", median(cpuRatios)));
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    private Speed measure(ApiClient client, int count, int batch, int beside) throws Exception {
        List<TrainingJob> started = new ArrayList<>();
        for (int seed = 1; seed <= count; seed++) {
            started.add(start(client, batch, seed));
        }
        for (TrainingJob job : started) {
            job.awaitStep();
        }
        ExecutorService clients = Executors.newFixedThreadPool(Math.max(1, beside));
        for (int i = 0; i < beside; i++) {
            clients.submit(() -> answer(client));
        }
        Thread.sleep(POLL_MILLIS);
        double cpu = client.metric(CPU, "");
        double trained = trained(client);
        long start = System.nanoTime();
        Thread.sleep((long) (1000 * seconds));
        double tokens = trained(client) - trained;
        double wall = (System.nanoTime() - start) / NANOS;
        double processors = (client.metric(CPU, "") - cpu) / NANOS;
        clients.shutdownNow();
        for (TrainingJob job : started) {
            job.cancel();
        }
        clients.awaitTermination(1, TimeUnit.MINUTES);
        return new Speed(tokens / wall, tokens / processors);
    }

    /** One that lasts longer than a round. */
    private TrainingJob start(ApiClient client, int batch, int seed) throws IOException, InterruptedException {
        ObjectNode job = ApiClient.JSON.createObjectNode();
        job.put("model", client.baseModel()).put("seed", seed);
        job.put("training_file", client.upload(Path.of("config/tour/json.train.jsonl")));
        job.putObject("hyperparameters")
                .put("n_epochs", 100)
                .put("batch_size", batch)
                .put("rank", rank);
        return TrainingJob.start(client, job);
    }

    /** One after the other until the round is over. */
    private static Void answer(ApiClient client) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", client.baseModel()).put("prompt", "Once upon a time");
        body.put("max_tokens", 200).put("ignore_eos", true);
        while (!Thread.currentThread().isInterrupted()) {
            client.post("/v1/completions", body);
        }
        return null;
    }

    /** Rows that went forward. */
    private static double trained(ApiClient client) throws IOException, InterruptedException {
        return client.metric("tandem_tokens_total", "phase=\"finetune\"");
    }
}
