package io.tandem.loadtest.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.TrainingLines;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import picocli.CommandLine.Option;

/** How adapters are trained that are to differ in their examples only: in as many steps, however many examples there are. */
final class Lessons {
    @Option(names = "--steps", defaultValue = "250", description = "Of each job; default ${DEFAULT-VALUE}.")
    private int steps;

    @Option(names = "--batch-size", defaultValue = "8", description = "Of a step; default ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(names = "--rank", defaultValue = "8", description = "Of the LoRA adapters; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--learning-rate", defaultValue = "0.002", description = "Default ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(names = "--seeds", split = ",", defaultValue = "1,2,3", description = "Default ${DEFAULT-VALUE}.")
    private List<Long> seeds = List.of();

    List<Long> seeds() {
        return seeds;
    }

    /** Examples that all steps have together. */
    int examples() {
        return steps * batchSize;
    }

    /** Trains an adapter; returns its name. */
    String train(ApiClient client, List<String> lines, long seed) throws IOException, InterruptedException {
        List<String> examples = TrainingLines.repeated(lines, examples(), new Random(seed));
        ObjectNode body = body(client, client.upload(examples), seed);
        hyperparameters(body.putObject("hyperparameters"), 1);
        return TrainingJob.start(client, body).await(event -> {});
    }

    /** Of a job, but for what it does with the file. */
    ObjectNode body(ApiClient client, String file, long seed) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        return body.put("model", client.baseModel())
                .put("training_file", file)
                .put("seed", seed)
                .put("suffix", "data");
    }

    void hyperparameters(ObjectNode target, int epochs) {
        target.put("rank", rank).put("learning_rate", learningRate);
        target.put("batch_size", batchSize).put("n_epochs", epochs).put("n_checkpoints", 0);
    }
}
