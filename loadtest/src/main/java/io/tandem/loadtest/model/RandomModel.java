package io.tandem.loadtest.model;

import io.tandem.kernels.model.ModelConfig;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes the model that load tests measure, for Tandem and, with the same weights, for llama.cpp. */
@Command(
        name = "random-model",
        mixinStandardHelpOptions = true,
        description =
                "Writes a model with random weights, as a HuggingFace directory, and one of SmolLM-135M's shape beside"
                        + " it as GGUF files for llama.cpp.")
public final class RandomModel implements Callable<Integer> {
    /** Beside the HuggingFace files. */
    public static final String BF16_FILE = "model-bf16.gguf";

    public static final String Q8_0_FILE = "model-q8_0.gguf";
    public static final String Q4_0_FILE = "model-q4_0.gguf";
    private static final PrintStream OUT = System.out;
    private static final int FILES = 4;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "The directory to write.")
    private Path out = Path.of("");

    @Option(names = "--seed", defaultValue = "1", description = "Of the weights; default ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--shape",
            defaultValue = "SMOL_135M",
            description = "Of which model: ${COMPLETION-CANDIDATES}; default ${DEFAULT-VALUE}.")
    private Shape shape = Shape.SMOL_135M;

    /** Models whose sizes can be had. */
    enum Shape {
        SMOL_135M,
        SMOL_360M,
        QWEN_1_5B;

        private ModelConfig config() {
            return switch (this) {
                case SMOL_135M -> RandomWeights.SMOL_135M;
                case SMOL_360M -> RandomWeights.SMOL_360M;
                case QWEN_1_5B -> RandomWeights.QWEN_1_5B;
            };
        }
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new RandomModel()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        RandomWeights weights = new RandomWeights(shape.config(), seed);
        boolean compared = shape == Shape.SMOL_135M;
        Files.createDirectories(out);
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("random model")
                .setInitialMax((compared ? FILES : 1) * weights.count())
                .setUnit(" M weights", 1_000_000)
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            LongConsumer made = bar::stepBy;
            HuggingFaceDirectory.write(out, weights, made);
            if (compared) {
                GgufModel.write(out.resolve(BF16_FILE), weights, GgufType.BF16, made);
                GgufModel.write(out.resolve(Q8_0_FILE), weights, GgufType.Q8_0, made);
                GgufModel.write(out.resolve(Q4_0_FILE), weights, GgufType.Q4_0, made);
            }
        }
        OUT.println("Serve it: ./tandem serve --model " + out);
        return 0;
    }
}
