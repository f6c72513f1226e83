package io.tandem.scheduler.simulation;

import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.simulation.Replay.Outcome;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * What the scheduler would do beyond this machine: an 8B model on four accelerators of 80 GB, at the rates and targets of
 * FlexLLM's evaluation (NSDI 2026), and a fleet of them for a thousand tenants. The scheduler is the real one; the
 * devices are simulated from data sheets, see {@link DeviceCost#accelerator}. Argument: a directory for the tables.
 */
public final class Projection {
    private static final PrintStream OUT = System.out;
    /** Llama 3.1 8B: weights; keys and values of a token in 32 layers of 8 heads of 128 numbers. */
    private static final double WEIGHTS = 8.03e9;

    private static final double CACHE_BYTES = 2 * 2 * 32 * 8 * 128;
    /** A100 80 GB SXM by its data sheet, times what serving engines are known to reach of it. */
    private static final double BYTES_PER_SECOND = 0.8 * 2.039e12;

    private static final double OPERATIONS_PER_SECOND = 0.5 * 312e12;
    private static final double OVERHEAD_MILLIS = 2;
    private static final DeviceCost DEVICE =
            DeviceCost.accelerator(WEIGHTS, BYTES_PER_SECOND, OPERATIONS_PER_SECOND, CACHE_BYTES, OVERHEAD_MILLIS);
    private static final Targets TARGETS = new Targets(45, 5000);
    private static final int DEVICES = 4;
    private static final int KV_SLOTS = 256;
    private static final double[] RATES = {4, 8, 12, 16, 20};
    private static final double SECONDS = 120;
    private static final int FEWEST_TOKENS = 512;
    private static final int MOST_TOKENS = 4096;
    private static final double REQUIRED = 0.9;
    private static final int TENANTS = 1000;
    /** Requests per second of all tenants together. */
    private static final double DEMAND = 100;

    private static final double[] TOKENS_PER_TENANT_AND_DAY = {0.25e6, 0.5e6, 1e6, 2e6, 4e6};
    private static final double SECONDS_PER_DAY = 86_400;
    private static final String COLUMNS =
            "way,requests_per_s,attainment,inference_tokens_per_s,training_tokens_per_s,simulated_devices";

    private final Map<Double, Outcome> coServing = new LinkedHashMap<>();

    private Projection() {}

    public static void main(String[] args) throws IOException {
        Path directory = Files.createDirectories(Path.of(args[0]));
        Projection projection = new Projection();
        Files.write(directory.resolve("co-serving.csv"), projection.cluster());
        Files.write(directory.resolve("fleet.csv"), projection.fleet());
    }

    private static SchedulerConfig config(Mode mode, int interval) {
        return new SchedulerConfig(
                TARGETS, new Finetuning(512, 0.05, 0, mode, interval), 512, 0, 10_000, 2, 1, Speculation.NONE);
    }

    private static Outcome serving(Mode mode, int interval, double rate, boolean trains) {
        Replay replay = new Replay(DEVICE, config(mode, interval), KV_SLOTS, SECONDS, 1);
        if (trains) {
            replay.train(FEWEST_TOKENS, MOST_TOKENS);
        }
        return replay.serve(rate == 0 ? List.of() : arrivals(rate));
    }

    /** Answers about as long as in ShareGPT, 338 tokens on average (Kwon et al., 2023). */
    private static List<Arrival> arrivals(double rate) {
        return Arrivals.poisson(rate, SECONDS, new Random(1)).stream()
                .map(one -> new Arrival(one.seconds(), one.promptTokens(), 3 * one.outputTokens(), one.caller()))
                .toList();
    }

    private static double trainingAlone() {
        return serving(Mode.TEMPORAL, 1, 0, true).trainedTokensPerSecond();
    }

    private Outcome coServing(double rate) {
        return coServing.computeIfAbsent(rate, at -> serving(Mode.CO_SERVING, 1, at, true));
    }

    private List<String> cluster() {
        List<String> rows = new ArrayList<>(List.of(COLUMNS));
        OUT.printf(
                Locale.ROOT,
                "Simulated: an 8B model on %d devices; %.0f ms per token, %.0f s to the first%n%n"
                        + "%-22s requests/s  inside the SLO  inference t/s  training t/s%n",
                DEVICES,
                TARGETS.tpotMillis(),
                TARGETS.ttftMillis() / 1e3,
                "");
        double alone = trainingAlone();
        for (double rate : RATES) {
            double each = rate / DEVICES;
            row(rows, "co-serving", rate, coServing(each), DEVICES, 0);
            for (int interval : List.of(64, 128, 256)) {
                row(rows, "temporal 1 in " + interval, rate, serving(Mode.TEMPORAL, interval, each, true), DEVICES, 0);
            }
            for (int train = 1; train < DEVICES; train++) {
                int serve = DEVICES - train;
                String way = "split " + serve + " serve " + train + " train";
                row(rows, way, rate, serving(Mode.CO_SERVING, 1, rate / serve, false), serve, train * alone);
            }
        }
        return rows;
    }

    private static void row(
            List<String> rows, String way, double rate, Outcome one, int devices, double trainedElsewhere) {
        double inference = devices * one.inferenceTokensPerSecond();
        double training = devices * one.trainedTokensPerSecond() + trainedElsewhere;
        OUT.printf(
                Locale.ROOT,
                "%-22s %10.0f %14.1f%% %14.0f %13.0f%n",
                way,
                rate,
                100 * one.attainment(),
                inference,
                training);
        rows.add(String.format(
                Locale.ROOT, "%s,%.0f,%.4f,%.1f,%.1f,%d", way, rate, one.attainment(), inference, training, DEVICES));
    }

    /** The fewest devices that serve everybody inside the SLO and train what everybody wants. */
    private List<String> fleet() {
        List<String> rows = new ArrayList<>(List.of("training_tokens_per_tenant_and_day,co_serving,split"));
        double alone = trainingAlone();
        int servers = (int) Math.ceil(DEMAND / mostRate());
        OUT.printf(
                Locale.ROOT,
                "%n%d tenants, %.0f requests/s together: devices that are needed%n%n"
                        + "training tokens per tenant and day   co-serving   serving and training apart%n",
                TENANTS,
                DEMAND);
        for (double perDay : TOKENS_PER_TENANT_AND_DAY) {
            double demand = TENANTS * perDay / SECONDS_PER_DAY;
            int apart = servers + (int) Math.ceil(demand / alone);
            int together = servers;
            while (together < apart && !suffice(together, demand)) {
                together++;
            }
            OUT.printf(Locale.ROOT, "%34.2fM %12d %28d%n", perDay / 1e6, together, apart);
            rows.add(String.format(Locale.ROOT, "%.0f,%d,%d", perDay, together, apart));
        }
        return rows;
    }

    private boolean suffice(int devices, double trainingDemand) {
        Outcome each = coServing(DEMAND / devices);
        return each.attainment() >= REQUIRED && devices * each.trainedTokensPerSecond() >= trainingDemand;
    }

    /** Requests per second that one device serves inside the SLO while it does nothing else. */
    private static double mostRate() {
        return IntStream.rangeClosed(1, 40)
                .mapToDouble(half -> half / 2.0)
                .boxed()
                .filter(rate -> serving(Mode.CO_SERVING, 1, rate, false).attainment() >= REQUIRED)
                .max(Comparator.naturalOrder())
                .orElseThrow();
    }
}
