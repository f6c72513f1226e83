package io.tandem.loadtest;

import io.tandem.kernels.pretrain.TourFiles;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What is left of experts when they are merged or compressed. Teaches an expert for each of the skills that the sample
 * model was not taught, and counts the right answers to questions that are in no training file. What needs data to choose
 * by gets the last examples of the training files, which the experts do not see.
 */
@Command(
        name = "adapter-quality",
        mixinStandardHelpOptions = true,
        description = "Teaches experts and measures what merging and compressing them keeps.")
public final class AdapterQuality implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double PERCENT = 100;
    private static final int MERGING_AIM_PERCENT = 90;
    private static final int MERGED_RANK = 128;

    private static final Path GENERATED_TASKS = Path.of("loadtest/target/skills");

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--tasks",
            paramLabel = "DIR",
            description = "With SKILL.train.jsonl and SKILL.test.jsonl; default: the tour's skills with more examples.")
    private Optional<Path> tasks = Optional.empty();

    @Option(
            names = "--examples",
            paramLabel = "SKILL=NUMBER",
            split = ",",
            defaultValue = "json=350,pig-latin=2000,reverse=2000",
            description = "Of each of the tour's skills, if there are so many; default ${DEFAULT-VALUE}.")
    private Map<String, Integer> examples = new LinkedHashMap<>();

    @Option(
            names = "--skills",
            paramLabel = "SKILL=EPOCHS",
            split = ",",
            defaultValue = "json=10,pig-latin=2,reverse=4",
            description = "What experts learn, and how many passes over the examples; default ${DEFAULT-VALUE}.")
    private Map<String, Integer> skills = new LinkedHashMap<>();

    @Option(names = "--rank", defaultValue = "64", description = "Of the experts; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--batch-size", defaultValue = "8", description = "Of a step; default ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(names = "--learning-rate", defaultValue = "0.0003", description = "Default ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(names = "--density", defaultValue = "0.5", description = "Of merging; default ${DEFAULT-VALUE}.")
    private double density;

    @Option(
            names = "--evaluations",
            defaultValue = "12",
            description = "Merges that a search for weights tries; default ${DEFAULT-VALUE}.")
    private int evaluations;

    @Option(
            names = "--densities",
            split = ",",
            defaultValue = "0.2,0.3,0.5",
            description = "Of compression; default ${DEFAULT-VALUE}.")
    private List<Double> densities = List.of();

    @Option(names = "--seed", defaultValue = "1", description = "Of all training; default ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For merging.csv and compression.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new AdapterQuality()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        long start = System.nanoTime();
        // Room for the rank that dense merges have, and for every compressed version.
        String settings = "scheduler:\n  concurrent-jobs: " + skills.size() + "\nkernels:\n  max-rank: "
                + Math.max(MERGED_RANK, rank * skills.size()) + "\nadapters:\n  max-versions: 100\n";
        try (ServerProcess server = ServerProcess.start(model.directory(), settings, "")) {
            ApiClient client = server.client();
            String base = client.baseModel();
            List<Expert> experts = teach(client, base);
            OUT.printf(Locale.ROOT, "%d experts of rank %d, taught in %.0f s%n%n", experts.size(), rank, since(start));
            merge(client, base, experts);
            compress(client, experts);
        }
        OUT.printf(Locale.ROOT, "%nEverything together took %.0f s%n", since(start));
        return 0;
    }

    private static double since(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private List<Expert> teach(ApiClient client, String base) throws IOException, InterruptedException {
        Expert.Lessons lessons = new Expert.Lessons(files(), rank, batchSize, learningRate, seed);
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

    private Path files() throws IOException {
        if (tasks.isPresent()) {
            return tasks.get();
        }
        TourFiles.write(GENERATED_TASKS, TourFiles.SEED, examples);
        return GENERATED_TASKS;
    }

    private void merge(ApiClient client, String base, List<Expert> experts) throws IOException, InterruptedException {
        MergeQuality quality = new MergeQuality(client, base, experts, density, evaluations, OUT);
        quality.measure();
        quality.write(out.resolve("merging.csv"));
        quality.kept().stream()
                .filter(kept -> kept.experts() == 2)
                .filter(kept -> kept.method().contains("TIES") || kept.method().contains("PCB"))
                .max(Comparator.comparingDouble(MergeQuality.Kept::share))
                .ifPresent(best -> OUT.printf(
                        Locale.ROOT,
                        "%nOf two skills %s keeps %.1f %% of what the experts know; the aim is %d %%%n%n",
                        best.method(),
                        PERCENT * best.share(),
                        MERGING_AIM_PERCENT));
    }

    private void compress(ApiClient client, List<Expert> experts) throws IOException, InterruptedException {
        CompressionQuality quality = new CompressionQuality(client, experts, OUT);
        Map<Double, CompressionQuality.Kept> means = quality.measure(densities);
        quality.write(out.resolve("compression.csv"));
        OUT.println();
        means.forEach((share, kept) -> OUT.printf(
                Locale.ROOT,
                "Density %.2f: %.1f times smaller, %.1f points lost on average; the aim is 8 to 50 times for 1 point%n",
                share,
                kept.ratio(),
                kept.lostPoints()));
    }
}
