package io.tandem.loadtest.model;

import io.tandem.kernels.pretrain.PretrainCommand;
import io.tandem.kernels.pretrain.PretrainSettings;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Trains the sample model again, or measures one. */
@Command(
        name = "sample-model",
        mixinStandardHelpOptions = true,
        description = "Trains the sample model from random weights, or measures one.")
public final class SampleModel implements Callable<Integer> {
    private static final PrintStream OUT = System.out;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Where the model goes; an interrupted run continues there.")
    private @Nullable Path out;

    @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps; default ${DEFAULT-VALUE}.")
    private int steps = PretrainSettings.STEPS;

    @Option(names = "--seed", paramLabel = "N", description = "Of weights and text; default ${DEFAULT-VALUE}.")
    private long seed = 1;

    @Option(names = "--evaluate", paramLabel = "DIR", description = "Measure this model instead.")
    private @Nullable Path evaluate;

    public static void main(String[] args) {
        System.exit(new CommandLine(new SampleModel()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (evaluate != null) {
            PretrainCommand.evaluate(evaluate, OUT);
            return 0;
        }
        if (out == null) {
            throw new ParameterException(
                    new CommandLine(this), "give --out, the directory for the model, or --evaluate, one to measure");
        }
        PretrainCommand.train(PretrainSettings.sample(out, steps, seed), OUT);
        return 0;
    }
}
