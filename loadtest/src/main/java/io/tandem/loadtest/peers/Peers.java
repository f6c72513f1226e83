package io.tandem.loadtest.peers;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.loadtest.model.RandomModel;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Decode and prefill of one model by Tandem's kernels and by llama.cpp, in turns, so that what else happens on the
 * machine happens to both. Both are called as libraries: no server and no text on either side.
 */
@Command(
        name = "peers",
        mixinStandardHelpOptions = true,
        description = "Measures decode and prefill of the random model next to llama.cpp on this machine.")
public final class Peers implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int SEQUENCES = 32;
    private static final int PROMPT = 64;
    private static final String EIGHT_BITS = "llama.cpp q8_0";
    private static final String FOUR_BITS = "llama.cpp q4_0";

    @Option(
            names = "--cache",
            paramLabel = "DIR",
            defaultValue = "loadtest/target/peers",
            description = "Where the model and llama.cpp are kept; default ${DEFAULT-VALUE}.")
    private Path cache = Path.of("");

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "docs/results/peers",
            description = "Where the CSV file goes; default ${DEFAULT-VALUE}.")
    private Path out = Path.of("");

    @Option(names = "--threads", defaultValue = "2", description = "Of each engine; default ${DEFAULT-VALUE}.")
    private int threads;

    @Option(names = "--rounds", defaultValue = "5", description = "Turns of each engine; default ${DEFAULT-VALUE}.")
    private int rounds;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Peers()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        Path model = cache.resolve("model");
        if (!Files.exists(model.resolve(RandomModel.Q4_0_FILE))) {
            new CommandLine(new RandomModel()).execute("--out", model.toString());
        }
        LlamaCppPackages.install(cache);
        List<Engine> engines = new ArrayList<>();
        try {
            open(engines, model);
            OUT.println(agreement(engines));
            Map<Workload, Map<String, List<Double>>> results = measure(engines);
            write(results);
            print(results);
        } finally {
            for (Engine engine : engines) {
                engine.close();
            }
        }
        return 0;
    }

    private void open(List<Engine> engines, Path model) throws IOException {
        for (WeightForm form : List.of(WeightForm.AUTO, WeightForm.INT8, WeightForm.INT4)) {
            engines.add(new TandemEngine("tandem " + form.label(), model, limits(form)));
        }
        LlamaCppEngine peer = llama("llama.cpp bf16", model.resolve(RandomModel.BF16_FILE));
        engines.add(peer);
        engines.add(llama(EIGHT_BITS, model.resolve(RandomModel.Q8_0_FILE)));
        engines.add(llama(FOUR_BITS, model.resolve(RandomModel.Q4_0_FILE)));
        OUT.println("llama.cpp uses " + peer.system());
    }

    private LlamaCppEngine llama(String name, Path file) throws IOException {
        return new LlamaCppEngine(
                name, cache.toAbsolutePath(), file.toAbsolutePath(), threads, SEQUENCES, Workload.longest());
    }

    private KernelsConfig limits(WeightForm form) {
        int longest = Workload.longest();
        return new KernelsConfig(Dtype.AUTO, form, threads, SEQUENCES, longest, longest, 1, 8, 16, Stash.KEEP);
    }

    /** How often engines find the same token the most likely one, which they would not if the weights were not equal. */
    private static String agreement(List<Engine> engines) throws IOException {
        int[] prompt = new Random(2).ints(PROMPT, 1, 40_000).toArray();
        int[] ours = engines.get(0).greedy(prompt);
        StringBuilder text = new StringBuilder(
                "the same most likely token as " + engines.get(0).name() + ":");
        for (Engine engine : engines.subList(1, engines.size())) {
            int[] theirs = engine.greedy(prompt);
            int same = 0;
            for (int i = 0; i < PROMPT; i++) {
                same += ours[i] == theirs[i] ? 1 : 0;
            }
            text.append(" %s %d of %d".formatted(engine.name(), same, PROMPT));
        }
        return text.toString();
    }

    /** Medians of the rounds, in milliseconds; the first round warms up. */
    private Map<Workload, Map<String, List<Double>>> measure(List<Engine> engines) throws IOException {
        Map<Workload, Map<String, List<Double>>> results = new LinkedHashMap<>();
        int turns = (rounds + 1) * Workload.ALL.size() * engines.size();
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("measuring")
                .setInitialMax(turns)
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            for (int round = 0; round <= rounds; round++) {
                for (Workload workload : Workload.ALL) {
                    for (Engine engine : engines) {
                        double millis = median(workload.millis(engine));
                        if (round > 0) {
                            results.computeIfAbsent(workload, any -> new LinkedHashMap<>())
                                    .computeIfAbsent(engine.name(), any -> new ArrayList<>())
                                    .add(millis);
                        }
                        bar.step();
                    }
                }
            }
        }
        return results;
    }

    private void write(Map<Workload, Map<String, List<Double>>> results) throws IOException {
        StringBuilder csv = new StringBuilder("engine,kind,batch,tokens,round,ms,tokens_per_s\n");
        results.forEach((workload, engines) -> engines.forEach((engine, rounds) -> {
            for (int round = 0; round < rounds.size(); round++) {
                double millis = rounds.get(round);
                csv.append(String.format(
                        Locale.ROOT,
                        "%s,%s,%d,%d,%d,%.3f,%.1f%n",
                        engine,
                        workload.kind(),
                        workload.batch(),
                        workload.tokens(),
                        round + 1,
                        millis,
                        workload.tokensAtOnce() / millis * 1e3));
            }
        }));
        Files.writeString(Files.createDirectories(out).resolve("peers.csv"), csv);
    }

    private static void print(Map<Workload, Map<String, List<Double>>> results) {
        OUT.println("\n| | engine | ms, median (least to most) | tokens/s | over q8_0 | over q4_0 |\n"
                + "|---|---|---|---|---|---|");
        results.forEach((workload, engines) -> {
            double eightBits = median(engines.getOrDefault(EIGHT_BITS, List.of()));
            double fourBits = median(engines.getOrDefault(FOUR_BITS, List.of()));
            engines.forEach((engine, rounds) -> {
                double millis = median(rounds);
                OUT.printf(
                        Locale.ROOT,
                        "| %s | %s | %.1f (%.1f to %.1f) | %.0f | %.2fx | %.2fx |%n",
                        workload.label(),
                        engine,
                        millis,
                        rounds.stream().mapToDouble(x -> x).min().orElseThrow(),
                        rounds.stream().mapToDouble(x -> x).max().orElseThrow(),
                        workload.tokensAtOnce() / millis * 1e3,
                        eightBits / millis,
                        fourBits / millis);
            });
        });
    }

    private static double median(List<Double> values) {
        return median(values.stream().mapToDouble(x -> x).toArray());
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
