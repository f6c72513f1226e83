package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import io.tandem.loadtest.result.Quantiles;
import io.tandem.loadtest.simulation.Zipf;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Many adapters, few slots. Requests draw their adapters from a Zipf distribution, so most of them find theirs on the
 * device, some in memory and some only on disk; half of the adapters are compressed. A bystander streams from the base
 * model all the while. What sharing iterations costs it is measured with the same requests on adapters that are all on the
 * device, so that the difference is what loading costs.
 */
@Command(
        name = "adapter-cache",
        mixinStandardHelpOptions = true,
        description = "Measures a server with many more adapters than fit on its device or into its memory.")
public final class AdapterCache implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 8;
    private static final int IMPORTERS = 4;
    private static final double PERCENT = 100;
    private static final double MEDIAN = 0.5;
    private static final double LAST = 0.99;
    private static final long SETTLE_MILLIS = 500;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--adapters", defaultValue = "1000", description = "On disk; default ${DEFAULT-VALUE}.")
    private int adapters;

    @Option(names = "--slots", defaultValue = "64", description = "On the device; default ${DEFAULT-VALUE}.")
    private int slots;

    @Option(names = "--in-memory", defaultValue = "200", description = "That fit; default ${DEFAULT-VALUE}.")
    private int inMemory;

    @Option(names = "--exponent", defaultValue = "1", description = "Of Zipf's law; default ${DEFAULT-VALUE}.")
    private double exponent;

    @Option(names = "--rate", defaultValue = "8", description = "Requests per second; default ${DEFAULT-VALUE}.")
    private double rate;

    @Option(
            names = "--tokens",
            defaultValue = "16",
            description = "Mean length of an answer; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(names = "--seconds", defaultValue = "25", description = "Of each load and round; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(names = "--rounds", defaultValue = "3", description = "Of all loads in turn; default ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(names = "--seed", defaultValue = "1", description = "Of adapters and requests; default ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For tiers.csv and bystander.csv.")
    private Path out = Path.of("");

    /** What the bystander and the requests saw of one load, over all rounds. */
    private record Seen(String load, List<double[]> gaps, List<PoissonLoad.Outcome> outcomes) {
        Seen(String load) {
            this(load, new ArrayList<>(), new ArrayList<>());
        }

        double[] allGaps() {
            return gaps.stream().flatMapToDouble(Arrays::stream).toArray();
        }
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new AdapterCache()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        try (ServerProcess server = ServerProcess.start(model.directory(), settings(), "")) {
            bringIn(server.client());
            measure(server.client());
        }
        return 0;
    }

    private String settings() throws IOException {
        GeneratedAdapter shape = GeneratedAdapter.of(model.directory(), RANK);
        long numbers = 2L * shape.layers() * RANK * (2L * shape.hidden() + shape.queries() + shape.keys());
        return "adapters:\n  host-memory-bytes: " + Float.BYTES * numbers * inMemory + "\nkernels:\n  adapter-slots: "
                + slots + "\n  max-rank: " + RANK + "\n";
    }

    /** The most wanted one is number 0. */
    private static String name(int adapter) {
        return "adapter-" + adapter;
    }

    /** Every other one, so that both forms are wanted alike. */
    private static boolean compressed(String name) {
        return name.charAt(name.length() - 1) % 2 == 0;
    }

    private void bringIn(ApiClient client) throws IOException, InterruptedException, ExecutionException {
        long start = System.nanoTime();
        GeneratedAdapter shape = GeneratedAdapter.of(model.directory(), RANK);
        ExecutorService importers = Executors.newFixedThreadPool(IMPORTERS);
        List<Future<?>> pending = new ArrayList<>();
        for (int i = 0; i < adapters; i++) {
            String name = name(i);
            long own = seed * adapters + i;
            pending.add(importers.submit(() -> {
                shape.publish(client, name, own);
                if (compressed(name)) {
                    ObjectNode body = ApiClient.JSON.createObjectNode();
                    client.post("/v1/adapters/" + name + "/compress", body.put("keep_original", false));
                }
                return null;
            }));
        }
        importers.shutdown();
        for (Future<?> done : pending) {
            done.get();
        }
        OUT.printf(
                Locale.ROOT,
                "%d adapters of rank %d, %.0f MB on disk, brought in within %.0f s; %d slots, memory for %d%n%n",
                adapters,
                RANK,
                client.metric("tandem_adapter_memory_bytes", "tier=\"disk\"") / 1e6,
                (System.nanoTime() - start) / 1e9,
                slots,
                inMemory);
    }

    private void measure(ApiClient client) throws Exception {
        String base = client.baseModel();
        StreamingClient bystander = new StreamingClient(client, base);
        Thread stream = new Thread(bystander, "bystander");
        stream.setDaemon(true);
        stream.start();
        Seen alone = new Seen("nobody else");
        Seen onBase = new Seen("the base model");
        Seen resident = new Seen("adapters on the device");
        Seen all = new Seen("all adapters");
        Zipf zipf = new Zipf(adapters, exponent);
        Random random = new Random(seed);
        // Fills memory and device as they will be.
        run(client, bystander, new Seen("to begin with"), rate, () -> name(zipf.draw(random)));
        for (int round = 0; round < rounds; round++) {
            run(client, bystander, all, rate, () -> name(zipf.draw(random)));
            for (int i = 0; i < residents(); i++) {
                client.stream(name(i), "Hello.", 1, now -> {});
            }
            run(client, bystander, resident, rate, () -> name(zipf.draw(random) % residents()));
            run(client, bystander, onBase, rate, () -> base);
            run(client, bystander, alone, 0, () -> base);
        }
        bystander.stop();
        stream.join();
        report(alone, onBase, resident, all);
    }

    /** Adapters that stay on the device while nobody else asks for others. */
    private int residents() {
        return 3 * slots / 4;
    }

    /** One load of one round; the loads of a round have the same arrivals. */
    private void run(ApiClient client, StreamingClient bystander, Seen seen, double arrivals, Supplier<String> models)
            throws InterruptedException {
        Thread.sleep(SETTLE_MILLIS);
        bystander.takeGaps();
        long own = seed + seen.gaps().size();
        seen.outcomes()
                .addAll(new PoissonLoad(arrivals, seconds, tokens, own)
                        .run(client, models)
                        .outcomes());
        seen.gaps()
                .add(bystander.takeGaps().stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray());
    }

    private void report(Seen alone, Seen onBase, Seen resident, Seen all) throws IOException {
        List<List<?>> tiers = new ArrayList<>();
        OUT.println("| found | form | requests | share % | TTFT p50 ms | TTFT p99 ms |");
        OUT.println("|---|---|---|---|---|---|");
        for (String tier : List.of("device", "host", "disk")) {
            for (String form : List.of("plain", "compressed")) {
                double[] waits = all.outcomes().stream()
                        .filter(outcome -> !outcome.failed() && outcome.tier().equals(tier))
                        .filter(outcome -> compressed(outcome.model()) == form.equals("compressed"))
                        .mapToDouble(PoissonLoad.Outcome::ttftMillis)
                        .toArray();
                double share = (double) waits.length / all.outcomes().size();
                double median = Quantiles.of(waits).at(MEDIAN);
                double last = Quantiles.of(waits).at(LAST);
                OUT.printf(
                        Locale.ROOT,
                        "| %s | %s | %d | %.1f | %.1f | %.1f |%n",
                        tier,
                        form,
                        waits.length,
                        PERCENT * share,
                        median,
                        last);
                tiers.add(List.of(tier, form, waits.length, share, median, last));
            }
        }
        Table.write(out.resolve("tiers.csv"), "found,form,requests,share,ttft_p50_ms,ttft_p99_ms", tiers);
        long failed = Stream.of(onBase, resident, all)
                .flatMap(seen -> seen.outcomes().stream())
                .filter(PoissonLoad.Outcome::failed)
                .count();
        OUT.printf("%n%d requests failed. The bystander, a stream from the base model:%n%n", failed);
        OUT.println("| the others ask | TPOT ms | p50 ms | p99 ms | over adapters on the device % | by round % |");
        OUT.println("|---|---|---|---|---|---|");
        List<List<?>> bystander = new ArrayList<>();
        for (Seen seen : List.of(alone, onBase, resident, all)) {
            bystander.addAll(row(seen, resident));
        }
        Table.write(out.resolve("bystander.csv"), "others_ask,round,tpot_ms,p50_ms,p99_ms", bystander);
    }

    /** Prints a row, and returns one for each round. */
    private List<List<?>> row(Seen seen, Seen reference) {
        List<List<?>> byRound = new ArrayList<>();
        List<String> growths = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            double[] gaps = seen.gaps().get(round);
            growths.add(growth(gaps, reference.gaps().get(round)));
            byRound.add(List.of(
                    seen.load(),
                    round,
                    mean(gaps),
                    Quantiles.of(gaps).at(MEDIAN),
                    Quantiles.of(gaps).at(LAST)));
        }
        OUT.printf(
                Locale.ROOT,
                "| %s | %.2f | %.2f | %.2f | %s | %s |%n",
                seen.load(),
                mean(seen.allGaps()),
                Quantiles.of(seen.allGaps()).at(MEDIAN),
                Quantiles.of(seen.allGaps()).at(LAST),
                growth(seen.allGaps(), reference.allGaps()),
                String.join(" ", growths));
        return byRound;
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElse(Double.NaN);
    }

    private static String growth(double[] gaps, double[] reference) {
        return String.format(Locale.ROOT, "%+.1f", PERCENT * (mean(gaps) / mean(reference) - 1));
    }
}
