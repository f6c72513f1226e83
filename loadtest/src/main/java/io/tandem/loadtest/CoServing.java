package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Compares three ways to serve and to fine-tune on one machine, at the same arrivals and the same SLO: both in shared
 * iterations (co-serving), whole training steps between serving iterations (temporal sharing), and two servers with half
 * of the processors each (spatial sharing).
 */
@Command(
        name = "co-serving",
        mixinStandardHelpOptions = true,
        description = "Compares co-serving with temporal and spatial sharing on this machine.")
public final class CoServing implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double REQUIRED_ATTAINMENT = 0.9;
    private static final double WARM_UP_SECONDS = 5;
    private static final int COPIES = 10;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "config/models/sample",
            description = "Default ${DEFAULT-VALUE}.")
    private Path model = Path.of("");

    @Option(names = "--seconds", defaultValue = "20", description = "Of each measurement; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--tpot",
            defaultValue = "50",
            description = "SLO, milliseconds per token; default ${DEFAULT-VALUE}.")
    private double tpot;

    @Option(
            names = "--ttft",
            defaultValue = "500",
            description = "SLO, milliseconds to the first token; default ${DEFAULT-VALUE}.")
    private double ttft;

    @Option(
            names = "--tokens",
            defaultValue = "64",
            description = "Mean length of an answer; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(
            names = "--intervals",
            split = ",",
            defaultValue = "16,64",
            description = "Serving iterations between training steps in temporal sharing; default ${DEFAULT-VALUE}.")
    private List<Integer> intervals = List.of();

    @Option(names = "--seed", defaultValue = "1", description = "Of the arrivals; default ${DEFAULT-VALUE}.")
    private long seed;

    /** Throughputs over the same seconds, and the share of requests inside the SLO. */
    private record Measured(double attainment, double inference, double training, double busy) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new CoServing()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        double most = Double.NaN;
        double capacity = 0;
        double rate = 1;
        OUT.printf(Locale.ROOT, "SLO: %.0f ms per token, %.0f ms to the first; %.0f s each%n%n", tpot, ttft, seconds);
        try (ServerProcess server = ServerProcess.start(model, settings("co-serving", 0, 0), "")) {
            measure(server, server, 2, false);
            for (Measured held = measure(server, server, rate, false);
                    held.attainment() >= REQUIRED_ATTAINMENT;
                    held = measure(server, server, rate, false)) {
                capacity = rate;
                most = held.inference();
                rate *= 1.5;
            }
        }
        double peak;
        try (ServerProcess server = ServerProcess.start(model, settings("co-serving", 0, 0), "")) {
            peak = measure(server, server, 0, true).training();
        }
        OUT.printf(
                Locale.ROOT,
                "Alone: %.0f tokens/s of inference at %.1f requests/s inside the SLO; %.0f tokens/s of training%n%n",
                most,
                capacity,
                peak);
        OUT.println("| load | requests/s | way | inside the SLO | inference tokens/s | training tokens/s | of peak |"
                + " efficiency |");
        OUT.println("|---|---|---|---|---|---|---|---|");
        row("light", 0.2 * capacity, most, peak);
        row("medium", 0.5 * capacity, most, peak);
        row("heavy", 0.8 * capacity, most, peak);
        return 0;
    }

    private void row(String load, double rate, double most, double peak) throws Exception {
        try (ServerProcess server = ServerProcess.start(model, settings("co-serving", 0, 0), "")) {
            Measured alone = measure(server, server, rate, false);
            print(load, rate, "inference only", alone, most, peak);
            OUT.printf(
                    Locale.ROOT,
                    "| %s | %.1f | what the device leaves idle | | | %.0f | %.0f %% | |%n",
                    load,
                    rate,
                    (1 - alone.busy()) * peak,
                    100 * (1 - alone.busy()));
        }
        try (ServerProcess server = ServerProcess.start(model, settings("co-serving", 0, 0), "")) {
            print(load, rate, "co-serving", measure(server, server, rate, true), most, peak);
        }
        for (int interval : intervals) {
            try (ServerProcess server = ServerProcess.start(model, settings("temporal", interval, 0), "")) {
                print(load, rate, "temporal, 1 in " + interval, measure(server, server, rate, true), most, peak);
            }
        }
        int half = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        String last = half + "-" + (2 * half - 1);
        try (ServerProcess serving = ServerProcess.start(model, settings("co-serving", 0, half), "0-" + (half - 1));
                ServerProcess training = ServerProcess.start(model, settings("co-serving", 0, half), last)) {
            print(load, rate, "spatial", measure(serving, training, rate, true), most, peak);
        }
    }

    private String settings(String mode, int interval, int threads) {
        return "scheduler:\n  tpot-target: " + tpot + "\n  ttft-target: " + ttft + "\n  mode: " + mode
                + (interval > 0 ? "\n  temporal-interval: " + interval : "")
                + "\nkernels:\n  threads: " + threads + "\n";
    }

    private Measured measure(ServerProcess serving, ServerProcess training, double rate, boolean train)
            throws IOException, InterruptedException {
        String name = serving.client()
                .get("/v1/models")
                .path("data")
                .path(0)
                .path("id")
                .asText();
        String job = train ? startJob(training.client(), name) : "";
        load(rate, WARM_UP_SECONDS, seed + 1).run(serving.client(), name);
        double trainedBefore = trained(training.client());
        double busyBefore = serving.client().metric("tandem_iteration_duration_seconds_sum", "");
        long start = System.nanoTime();
        PoissonLoad.Result result = load(rate, seconds, seed).run(serving.client(), name);
        double busy = serving.client().metric("tandem_iteration_duration_seconds_sum", "") - busyBefore;
        double trained = trained(training.client()) - trainedBefore;
        double took = (System.nanoTime() - start) / 1e9;
        if (train) {
            training.client().post("/v1/fine_tuning/jobs/" + job + "/cancel", ApiClient.JSON.createObjectNode());
        }
        return new Measured(
                result.attainment(ttft, tpot), result.tokensPerSecond(), trained / took, Math.min(1, busy / took));
    }

    private PoissonLoad load(double rate, double duration, long arrivals) {
        return new PoissonLoad(rate, duration, tokens, arrivals);
    }

    /** Tokens that went forward and those that went backward through all layers, on average. */
    private double trained(ApiClient client) throws IOException, InterruptedException {
        double layers = ApiClient.JSON
                .readTree(model.resolve("config.json").toFile())
                .path("num_hidden_layers")
                .asDouble();
        double forward = client.metric("tandem_tokens_total", "phase=\"finetune\"");
        return (forward + client.metric("tandem_finetune_backward_rows_total", "") / layers) / 2;
    }

    /** A job that lasts longer than any measurement. */
    private static String startJob(ApiClient client, String name) throws IOException, InterruptedException {
        String examples =
                Files.readString(Path.of("config/tour/json.train.jsonl")).repeat(COPIES);
        Path file = Files.writeString(Files.createTempFile("tandem-load", ".jsonl"), examples);
        String id;
        try {
            id = client.upload(file);
        } finally {
            Files.delete(file);
        }
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", name).put("training_file", id).put("suffix", "load").put("seed", 1);
        body.putObject("hyperparameters").put("n_epochs", 50).put("batch_size", 16);
        return client.post("/v1/fine_tuning/jobs", body).path("id").asText();
    }

    private static void print(String load, double rate, String way, Measured measured, double most, double peak) {
        OUT.printf(
                Locale.ROOT,
                "| %s | %.1f | %s | %.0f %% | %.0f | %.0f | %.0f %% | %.2f |%n",
                load,
                rate,
                way,
                100 * measured.attainment(),
                measured.inference(),
                measured.training(),
                100 * measured.training() / peak,
                measured.inference() / most + measured.training() / peak);
    }
}
