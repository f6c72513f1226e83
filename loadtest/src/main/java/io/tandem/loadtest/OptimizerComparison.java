package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
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
 * Trains the same jobs with optimizer states in 32 and in 8 bits, and compares validation losses and bytes. Each job in 32
 * bits runs a second time, in other windows, to show how much of a difference is rounding.
 */
@Command(
        name = "optimizers",
        mixinStandardHelpOptions = true,
        description = "Compares AdamW with states in 32 and in 8 bits: bytes, and validation loss over several seeds.")
public final class OptimizerComparison implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final String FULL = "adamw";
    private static final String EIGHT_BITS = "adamw_8bit";
    private static final String AGAIN = "adamw again";

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--skill",
            defaultValue = "json",
            description = "What config/tour has examples of; default ${DEFAULT-VALUE}.")
    private String skill = "";

    @Option(names = "--seeds", defaultValue = "8", description = "Jobs with each optimizer; default ${DEFAULT-VALUE}.")
    private int seeds;

    @Option(names = "--epochs", defaultValue = "5", description = "Of each job; default ${DEFAULT-VALUE}.")
    private int epochs;

    @Option(names = "--rank", defaultValue = "16", description = "Of the adapters; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--out", paramLabel = "DIR", description = "Writes optimizers.csv there.")
    private Optional<Path> out = Optional.empty();

    private final List<String> rows = new ArrayList<>(List.of("optimizer,seed,step,validation_loss"));

    public static void main(String[] args) {
        System.exit(new CommandLine(new OptimizerComparison()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        Path tasks = Path.of("config/tour");
        try (ServerProcess server = ServerProcess.start(model.directory(), "", "")) {
            ApiClient client = server.client();
            ObjectNode job = ApiClient.JSON.createObjectNode();
            job.put("model", client.baseModel());
            job.put("training_file", client.upload(tasks.resolve(skill + ".train.jsonl")));
            job.put("validation_file", client.upload(tasks.resolve(skill + ".test.jsonl")));
            double full = stateBytes(client, job, FULL);
            double eightBits = stateBytes(client, job, EIGHT_BITS);
            OUT.printf(
                    Locale.ROOT,
                    "Optimizer states at rank %d: %.0f bytes in 32 bits, %.0f in 8 bits: %.1f %%%n%n",
                    rank,
                    full,
                    eightBits,
                    100 * eightBits / full);
            OUT.println(
                    "| seed | validation loss, 32 bits | 32 bits again | 8 bits | difference to the mean of both |");
            OUT.println("|---|---|---|---|---|");
            for (int seed = 1; seed <= seeds; seed++) {
                double first = finalLoss(client, job, FULL, FULL, seed);
                double loss = finalLoss(client, job, EIGHT_BITS, EIGHT_BITS, seed);
                double again = finalLoss(client, job, AGAIN, FULL, seed);
                OUT.printf(
                        Locale.ROOT,
                        "| %d | %.4f | %.4f | %.4f | %+.2f %% |%n",
                        seed,
                        first,
                        again,
                        loss,
                        100 * (2 * loss / (first + again) - 1));
            }
        }
        if (out.isPresent()) {
            Files.createDirectories(out.get());
            Files.write(out.get().resolve("optimizers.csv"), rows);
        }
        return 0;
    }

    private ObjectNode settings(ObjectNode job, String optimizer) {
        return job.putObject("hyperparameters")
                .put("n_epochs", epochs)
                .put("batch_size", 16)
                .put("rank", rank)
                .put("optimizer", optimizer);
    }

    private double stateBytes(ApiClient client, ObjectNode job, String optimizer)
            throws IOException, InterruptedException {
        settings(job, optimizer);
        return client.post("/v1/fine_tuning/jobs/dry_run", job)
                .at("/memory/parts/optimizer")
                .asDouble();
    }

    /** Trains, and remembers the validation losses on the way under a name. */
    private double finalLoss(ApiClient client, ObjectNode job, String name, String optimizer, int seed)
            throws IOException, InterruptedException {
        settings(job, optimizer).put("eval_every", 10);
        job.put("seed", seed);
        TrainingJob training = TrainingJob.start(client, job);
        training.await(event -> {});
        double last = Double.NaN;
        List<String> measured = new ArrayList<>();
        for (JsonNode event : training.events(100)) {
            JsonNode loss = event.at("/data/full_valid_loss");
            if (loss.isNumber()) {
                measured.add(0, name + "," + seed + "," + event.at("/data/step").asInt() + "," + loss.asDouble());
                last = Double.isNaN(last) ? loss.asDouble() : last;
            }
        }
        rows.addAll(measured);
        return last;
    }
}
