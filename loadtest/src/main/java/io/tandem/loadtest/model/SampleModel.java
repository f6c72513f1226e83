package io.tandem.loadtest.model;

import io.tandem.kernels.pretrain.PretrainCommand;
import io.tandem.kernels.pretrain.PretrainSettings;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Optional;
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
        description = "Trains the sample model from random weights or to a second language, or measures one.")
public final class SampleModel implements Callable<Integer> {
    private static final PrintStream OUT = System.out;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Where the model goes; an interrupted run continues there.")
    private @Nullable Path out;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Optimizer steps; default " + PretrainSettings.STEPS + ", or "
                    + PretrainSettings.BILINGUAL_STEPS + " with --bilingual.")
    private Optional<Integer> steps = Optional.empty();

    @Option(names = "--seed", paramLabel = "N", description = "Of weights and text; default ${DEFAULT-VALUE}.")
    private long seed = 1;

    @Option(
            names = "--bilingual",
            paramLabel = "DIR",
            description = "Go on from this model, such as config/models/sample, with chats in English and in a sister"
                    + " language.")
    private Optional<Path> english = Optional.empty();

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
        PretrainCommand.train(settings(out), OUT);
        return 0;
    }

    private PretrainSettings settings(Path directory) {
        return english.map(model -> PretrainSettings.bilingual(
                        model, directory, steps.orElse(PretrainSettings.BILINGUAL_STEPS), seed))
                .orElseGet(() -> PretrainSettings.sample(directory, steps.orElse(PretrainSettings.STEPS), seed));
    }
}
