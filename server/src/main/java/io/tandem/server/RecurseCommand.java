package io.tandem.server;

import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.server.client.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tandem recurse}: makes a recursive model, whose layers share their weights, out of another one. */
@Command(
        name = "recurse",
        description = {
            "Makes a recursive model out of another one: a block of its layers, through which texts go several times, and"
                    + " for each layer low-rank factors by which its weights differ from the block's.",
            "'tandem serve --model OUTPUT' serves it. An interrupted conversion goes on with what is missing.",
            "See docs/depth.md."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "Exit status:%n",
        exitCodeList = {"0:The model is written.", "1:It is not.", "2:The options do not fit the model."})
final class RecurseCommand implements Callable<Integer> {
    /** What the block's weights are made of. */
    enum Start {
        average(SharedWeights.AVERAGE),
        stepwise(SharedWeights.STEPWISE),
        lower(SharedWeights.LOWER);

        private final SharedWeights weights;

        Start(SharedWeights weights) {
            this.weights = weights;
        }
    }

    @Spec
    private @Nullable CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "Directory in HuggingFace's layout, or GGUF file, of the model to begin with.")
    private @Nullable Path model;

    @Parameters(index = "1", paramLabel = "OUTPUT", description = "Directory to create.")
    private @Nullable Path output;

    @Option(
            names = "--loops",
            paramLabel = "N",
            defaultValue = "2",
            description = "How often texts go through the block, a divisor of the number of layers;"
                    + " default ${DEFAULT-VALUE}.")
    private int loops;

    @Option(
            names = "--rank",
            paramLabel = "R",
            defaultValue = "64",
            description = "Rank of each layer's factors, 0 for none; with the width of the model nothing is lost;"
                    + " default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(
            names = "--block",
            description = "${COMPLETION-CANDIDATES}: what the block is made of: the mean of the layers that share it,"
                    + " layers at equal distances, or the first layers; default ${DEFAULT-VALUE}.")
    private Start block = Start.average;

    @Override
    public Integer call() throws IOException {
        CommandLine line = Objects.requireNonNull(spec).commandLine();
        Path target = Objects.requireNonNull(output);
        RecursiveConversion conversion;
        try {
            conversion = new RecursiveConversion(
                    ModelSource.open(Objects.requireNonNull(model)), loops, rank, block.weights);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(line, e.getMessage(), e);
        }
        RecursiveConversion.Report report;
        try (Progress progress = Progress.of(target.toString(), "linear %d/%d", line.getErr())) {
            report = conversion.write(target, progress::show);
        }
        PrintWriter out = line.getOut();
        out.printf(
                Locale.ROOT,
                "%s: %d loops of %d layers; %.1f MB of weights instead of %.1f MB%n",
                target,
                loops,
                conversion.model().blockLayers(),
                report.after() / 1e6,
                report.before() / 1e6);
        if (report.lost() > 0) {
            out.printf(
                    Locale.ROOT,
                    "Of what the layers differ by from the block, their factors have %.1f %%.%n",
                    100 * (1 - report.lost()));
        }
        out.flush();
        return 0;
    }
}
