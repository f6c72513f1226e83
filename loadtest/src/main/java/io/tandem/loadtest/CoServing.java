package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
    private static final double WARM_UP_SECONDS = 3;
    private static final double FIRST_RATE = 4;
    private static final double[] SHARES_OF_CAPACITY = {0.1, 0.3, 0.5};
    private static final List<String> LOADS = List.of("light", "medium", "heavy");
    private static final int BATCH = 16;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--seconds", defaultValue = "12", description = "Of each measurement; default ${DEFAULT-VALUE}.")
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
            defaultValue = "64,256",
            description = "Serving iterations between training steps in temporal sharing; default ${DEFAULT-VALUE}.")
    private List<Integer> intervals = List.of();

    @Option(
            names = "--turns",
            defaultValue = "10",
            description = "Questions and answers in a training example; default ${DEFAULT-VALUE}.")
    private int turns;

    @Option(names = "--seed", defaultValue = "1", description = "Of the arrivals; default ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", description = "Writes co-serving.csv there.")
    private Optional<Path> out = Optional.empty();

    private final List<List<?>> rows = new ArrayList<>();

    /** Throughputs over the same seconds, and the share of requests inside the SLO. */
    private record Measured(double attainment, double inference, double training, double busy) {}

    /** What the device can do if it does nothing else, inference inside the SLO. */
    private record Alone(double requests, double inference, double training) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new CoServing()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        OUT.printf(
                Locale.ROOT,
                "SLO: %.0f ms per token, %.0f ms to the first token; %.0f s each; training steps of %d conversations%n%n",
                tpot,
                ttft,
                seconds,
                BATCH);
        Alone alone;
        List<Measured> idle = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), settings("co-serving", 0, 0), "")) {
            alone = alone(server);
            for (double share : SHARES_OF_CAPACITY) {
                idle.add(measure(server, server, share * alone.requests(), false));
            }
            OUT.printf(
                    Locale.ROOT,
                    "Alone: %.0f tokens/s of inference at %.1f requests/s inside the SLO; %.0f tokens/s of training%n%n",
                    alone.inference(),
                    alone.requests(),
                    alone.training());
            OUT.println("| load | requests/s | way | inside the SLO | inference tokens/s | training tokens/s |"
                    + " of it alone | efficiency |");
            OUT.println("|---|---|---|---|---|---|---|---|");
            for (int load = 0; load < LOADS.size(); load++) {
                Measured served = idle.get(load);
                print(load, alone, "inference only", served);
                double left = (1 - served.busy()) * alone.training();
                print(load, alone, "spare time x training alone", new Measured(1, served.inference(), left, 1));
            }
            compare("co-serving", server, server, alone);
        }
        for (int interval : intervals) {
            try (ServerProcess server = ServerProcess.start(model.directory(), settings("temporal", interval, 0), "")) {
                compare("temporal 1 in " + interval, server, server, alone);
            }
        }
        int half = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        String last = half + "-" + (2 * half - 1);
        try (ServerProcess serving =
                        ServerProcess.start(model.directory(), settings("co-serving", 0, half), "0-" + (half - 1));
                ServerProcess training =
                        ServerProcess.start(model.directory(), settings("co-serving", 0, half), last)) {
            compare("spatial", serving, training, alone);
        }
        if (out.isPresent()) {
            Table.write(
                    out.get().resolve("co-serving.csv"),
                    "way,requests_per_s,attainment,inference_tokens_per_s,training_tokens_per_s",
                    rows);
        }
        return 0;
    }

    private void compare(String way, ServerProcess serving, ServerProcess training, Alone alone) throws Exception {
        for (int load = 0; load < LOADS.size(); load++) {
            double rate = SHARES_OF_CAPACITY[load] * alone.requests();
            print(load, alone, way, measure(serving, training, rate, true));
        }
    }

    /**
     * Doubles the rate until the SLO breaks, and halves the last step three times. Training comes last, when the server
     * has warmed up, as everything that is compared with it does.
     */
    private Alone alone(ServerProcess server) throws Exception {
        Measured best = measure(server, server, FIRST_RATE, false);
        double held = FIRST_RATE;
        double step = FIRST_RATE;
        boolean broken = false;
        while (step > held / 8) {
            Measured more = measure(server, server, held + step, false);
            if (more.attainment() >= REQUIRED_ATTAINMENT) {
                held += step;
                best = more;
                step = broken ? step / 2 : held;
            } else {
                broken = true;
                step /= 2;
            }
        }
        return new Alone(
                held, best.inference(), measure(server, server, 0, true).training());
    }

    /** Room for as many requests as a steady stream of them makes at the target. */
    private String settings(String mode, int interval, int threads) {
        return "scheduler:\n  tpot-target: " + tpot + "\n  ttft-target: " + ttft + "\n  mode: " + mode
                + (interval > 0 ? "\n  temporal-interval: " + interval : "")
                + "\nkernels:\n  kv-slots: 256\n  context-tokens: 512\n  threads: " + threads + "\n";
    }

    private Measured measure(ServerProcess serving, ServerProcess training, double rate, boolean train)
            throws IOException, InterruptedException {
        String name = serving.client().baseModel();
        String job = train ? startJob(training.client(), name) : "";
        List<double[]> snapshots = new ArrayList<>();
        Runnable snapshot = () -> snapshots.add(snapshot(serving.client(), training.client()));
        PoissonLoad.Result result = new PoissonLoad(rate, seconds, tokens, seed)
                .run(serving.client(), name, WARM_UP_SECONDS, snapshot, snapshot);
        if (train) {
            training.client().post("/v1/fine_tuning/jobs/" + job + "/cancel", ApiClient.JSON.createObjectNode());
        }
        double[] before = snapshots.get(0);
        double[] after = snapshots.get(1);
        double took = after[0] - before[0];
        return new Measured(
                result.attainment(ttft, tpot),
                result.tokensPerSecond(),
                (after[1] - before[1]) / took,
                Math.min(1, (after[2] - before[2]) / took));
    }

    /** Seconds of the clock, trained tokens, and seconds that iterations took. */
    private double[] snapshot(ApiClient serving, ApiClient training) {
        try {
            return new double[] {
                System.nanoTime() / 1e9, trained(training), serving.metric("tandem_iteration_duration_seconds_sum", "")
            };
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Tokens that went forward and those that went backward through all layers, on average. */
    private double trained(ApiClient client) throws IOException, InterruptedException {
        double layers = ApiClient.JSON
                .readTree(model.directory().resolve("config.json").toFile())
                .path("num_hidden_layers")
                .asDouble();
        double forward = client.metric("tandem_tokens_total", "phase=\"finetune\"");
        return (forward + client.metric("tandem_finetune_backward_rows_total", "") / layers) / 2;
    }

    /** A job that lasts longer than any measurement. */
    private String startJob(ApiClient client, String name) throws IOException, InterruptedException {
        Path file = Files.writeString(Files.createTempFile("tandem-load", ".jsonl"), conversations());
        String id;
        try {
            id = client.upload(file);
        } finally {
            Files.delete(file);
        }
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", name).put("training_file", id).put("suffix", "load").put("seed", 1);
        body.putObject("hyperparameters").put("n_epochs", 50).put("batch_size", BATCH);
        return client.post("/v1/fine_tuning/jobs", body).path("id").asText();
    }

    /** The tour's questions and answers, several in a conversation. */
    private String conversations() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("config/tour/json.train.jsonl"));
        StringBuilder text = new StringBuilder();
        for (int start = 0; start + turns <= lines.size(); start++) {
            ObjectNode conversation = ApiClient.JSON.createObjectNode();
            ArrayNode messages = conversation.putArray("messages");
            for (String line : lines.subList(start, start + turns)) {
                messages.addAll((ArrayNode) ApiClient.JSON.readTree(line).path("messages"));
            }
            text.append(conversation).append('\n');
        }
        return text.toString();
    }

    private void print(int load, Alone alone, String way, Measured measured) {
        rows.add(List.of(
                way,
                SHARES_OF_CAPACITY[load] * alone.requests(),
                measured.attainment(),
                measured.inference(),
                measured.training()));
        OUT.printf(
                Locale.ROOT,
                "| %s | %.1f | %s | %.0f %% | %.0f | %.0f | %.0f %% | %.2f |%n",
                LOADS.get(load),
                SHARES_OF_CAPACITY[load] * alone.requests(),
                way,
                100 * measured.attainment(),
                measured.inference(),
                measured.training(),
                100 * measured.training() / alone.training(),
                measured.inference() / alone.inference() + measured.training() / alone.training());
    }
}
