package io.tandem.server;

import io.tandem.kernels.pretrain.PretrainCommand;
import io.tandem.kernels.pretrain.PretrainSettings;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tandem pretrain}: makes the sample model again, or measures one. */
@Command(
        name = "pretrain",
        description = "Trains the sample model from nothing, or measures one.",
        mixinStandardHelpOptions = true)
final class PretrainSampleCommand implements Callable<Integer> {
    private static final PrintStream OUT = System.out;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Where the model goes; a run that stopped goes on there.")
    private @Nullable Path out;

    @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps; default ${DEFAULT-VALUE}.")
    private int steps = PretrainSettings.STEPS;

    @Option(names = "--seed", paramLabel = "N", description = "Of weights and text; default ${DEFAULT-VALUE}.")
    private long seed = 1;

    @Option(names = "--evaluate", paramLabel = "DIR", description = "Measure this model instead.")
    private @Nullable Path evaluate;

    @Override
    public Integer call() throws IOException {
        if (evaluate != null) {
            PretrainCommand.evaluate(evaluate, OUT);
            return 0;
        }
        if (out == null) {
            throw new IOException("name the directory for the model with --out, or one to measure with --evaluate");
        }
        PretrainCommand.train(PretrainSettings.sample(out, steps, seed), OUT);
        return 0;
    }
}
