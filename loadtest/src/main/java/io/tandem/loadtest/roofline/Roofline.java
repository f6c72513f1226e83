package io.tandem.loadtest.roofline;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.loadtest.model.RandomModel;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.util.Statistics;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs every benchmark of this package and compares it with the least time that the machine would need. */
@Command(
        name = "roofline",
        mixinStandardHelpOptions = true,
        description = "Measures every kernel against this machine's memory bandwidth and arithmetic.")
public final class Roofline implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double PERCENT = 100;
    private static final double GIGA = 1e9;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "loadtest/target/peers/model",
            description = "Of Llama's architecture; written by random-model if it is not there. Default"
                    + " ${DEFAULT-VALUE}.")
    private Path model = Path.of("");

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "docs/results/roofline",
            description = "Where the CSV file goes; default ${DEFAULT-VALUE}.")
    private Path out = Path.of("");

    @Option(names = "--threads", description = "One per core by default: ${DEFAULT-VALUE}.")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--only", defaultValue = "", description = "Regular expression of the benchmarks to run.")
    private String only = "";

    public static void main(String[] args) {
        System.exit(new CommandLine(new Roofline()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (!Files.exists(model.resolve("config.json"))) {
            new CommandLine(new RandomModel()).execute("--out", model.toString());
        }
        ModelConfig shape = ModelConfigReader.read(model.resolve("config.json"));
        Peaks peaks = Peaks.measure(threads);
        Collection<RunResult> results = new Runner(new OptionsBuilder()
                        .include(Roofline.class.getPackageName() + ".*" + only + ".*Benchmark")
                        .jvmArgsAppend("-D" + Device.MODEL + "=" + model, "-D" + Device.THREADS + "=" + threads)
                        .mode(Mode.AverageTime)
                        .timeUnit(TimeUnit.MILLISECONDS)
                        .forks(1)
                        .warmupIterations(2)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.seconds(1))
                        .build())
                .run();
        report(results, shape, peaks);
        return 0;
    }

    private void report(Collection<RunResult> results, ModelConfig shape, Peaks peaks) throws IOException {
        OUT.printf(
                Locale.ROOT,
                "%nmemory %.1f GB/s, products %.0f GFLOP/s in bfloat16 and %.0f in float32%n%n",
                peaks.bytesPerSecond() / GIGA,
                peaks.operationsPerSecond() / GIGA,
                peaks.wideOperationsPerSecond() / GIGA);
        OUT.println("| kernel | MB | GFLOP | ms (least to most) | limit, ms | set by | reached |");
        OUT.println("|---|---|---|---|---|---|---|");
        StringBuilder csv = new StringBuilder(String.format(
                Locale.ROOT,
                "kernel,bytes,operations,float32_operations,ms,least_ms,most_ms,limit_ms,bound,percent,"
                        + "memory_gb_s,bf16_gflop_s,float32_gflop_s%n"));
        for (RunResult result : results) {
            Work work = work(result.getParams(), shape);
            Statistics millis = result.getPrimaryResult().getStatistics();
            double limit = work.limitMillis(peaks);
            double reached = PERCENT * limit / millis.getMean();
            OUT.printf(
                    Locale.ROOT,
                    "| %s | %.1f | %.2f | %.2f (%.2f to %.2f) | %.2f | %s | %.0f %% |%n",
                    label(result.getParams()),
                    work.bytes() / 1e6,
                    (work.operations() + work.wideOperations()) / GIGA,
                    millis.getMean(),
                    millis.getMin(),
                    millis.getMax(),
                    limit,
                    work.bound(peaks),
                    reached);
            csv.append(String.format(
                    Locale.ROOT,
                    "%s,%.0f,%.0f,%.0f,%.3f,%.3f,%.3f,%.3f,%s,%.1f,%.2f,%.1f,%.1f%n",
                    label(result.getParams()).replace(",", ""),
                    work.bytes(),
                    work.operations(),
                    work.wideOperations(),
                    millis.getMean(),
                    millis.getMin(),
                    millis.getMax(),
                    limit,
                    work.bound(peaks),
                    reached,
                    peaks.bytesPerSecond() / GIGA,
                    peaks.operationsPerSecond() / GIGA,
                    peaks.wideOperationsPerSecond() / GIGA));
        }
        Files.writeString(Files.createDirectories(out).resolve("roofline.csv"), csv);
    }

    private static Work work(BenchmarkParams params, ModelConfig shape) {
        return switch (kernel(params)) {
            case "Decode" ->
                params.getParam("adapters").equals("true")
                        ? Work.adapters(
                                shape,
                                number(params, "batch"),
                                Device.CONTEXT,
                                Math.min(number(params, "batch"), DecodeBenchmark.ADAPTERS),
                                Device.RANK)
                        : Work.decode(shape, number(params, "batch"), Device.CONTEXT);
            case "Prefill" -> Work.prefill(shape, number(params, "tokens"));
            case "Backward" -> Work.backward(shape, Device.PACK, Device.RANK);
            case "Optimizer" ->
                Work.optimizerStep(shape, OptimizerConfig.Method.valueOf(params.getParam("method")), Device.RANK);
            case "Sampling" -> Work.sampling(SamplingBenchmark.ROWS, SamplingBenchmark.VOCABULARY);
            default -> throw new IllegalStateException("no work is known of " + params.getBenchmark());
        };
    }

    private static String kernel(BenchmarkParams params) {
        String method = params.getBenchmark();
        String type = method.substring(0, method.lastIndexOf('.'));
        return type.substring(type.lastIndexOf('.') + 1).replace("Benchmark", "");
    }

    private static int number(BenchmarkParams params, String name) {
        return Integer.parseInt(params.getParam(name));
    }

    private static String label(BenchmarkParams params) {
        StringBuilder label = new StringBuilder(kernel(params).toLowerCase(Locale.ROOT));
        for (String key : params.getParamsKeys()) {
            label.append(", ")
                    .append(key)
                    .append(' ')
                    .append(params.getParam(key).toLowerCase(Locale.ROOT));
        }
        return label.toString();
    }
}
