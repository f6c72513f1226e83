package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
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

/** Teaches a running server a skill while another client streams, and measures both. */
@Command(
        name = "tour",
        mixinStandardHelpOptions = true,
        description = "Teaches a running server a skill while another client streams.")
public final class Tour implements Callable<Integer> {
    private static final int BAR_WIDTH = 30;
    private static final long QUIET_MILLIS = 10_000;
    private static final PrintStream OUT = System.out;

    @Option(names = "--url", defaultValue = "http://localhost:8080", description = "Default ${DEFAULT-VALUE}.")
    private String url = "";

    @Option(names = "--model", defaultValue = "sample", description = "The base model; default ${DEFAULT-VALUE}.")
    private String model = "";

    @Option(names = "--skill", defaultValue = "json", description = "json, pig-latin or reverse; default json.")
    private String skill = "";

    @Option(
            names = "--tasks",
            defaultValue = "config/tour",
            description = "Directory with SKILL.train.jsonl and SKILL.test.jsonl.")
    private Path tasks = Path.of("");

    @Option(names = "--epochs", defaultValue = "5", description = "Passes over the examples; default ${DEFAULT-VALUE}.")
    private int epochs;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Tour()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        ApiClient client = new ApiClient(url);
        Exam exam = new Exam(Files.readAllLines(tasks.resolve(skill + ".test.jsonl")));
        OUT.printf(
                "Exact match of '%s' on %d questions it will not be taught:%n",
                model, exam.lines().size());
        OUT.printf("  before: %s%n", percent(exam.exactMatch(client, model)));
        StreamingClient streaming = new StreamingClient(client, model);
        Thread other = new Thread(streaming, "other-client");
        other.setDaemon(true);
        other.start();
        streaming.takeGaps();
        Thread.sleep(QUIET_MILLIS);
        List<Double> before = streaming.takeGaps();
        long start = System.nanoTime();
        String taught = teach(client);
        double seconds = (System.nanoTime() - start) / 1e9;
        List<Double> during = streaming.takeGaps();
        Thread.sleep(QUIET_MILLIS);
        List<Double> after = streaming.takeGaps();
        streaming.stop();
        other.join();
        OUT.printf(
                "  after:  %s by '%s', taught in %.0f s%n", percent(exam.exactMatch(client, taught)), taught, seconds);
        OUT.printf("%nGaps between the tokens of another client's stream, in milliseconds:%n");
        OUT.printf("  %-20s %8s %8s %8s%n", "", "median", "95th", "99th");
        row("before", before);
        row("while it was taught", during);
        row("after", after);
        return 0;
    }

    private String teach(ApiClient client) throws IOException, InterruptedException {
        String file = client.upload(tasks.resolve(skill + ".train.jsonl"));
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", model);
        body.put("training_file", file);
        body.put("suffix", skill);
        body.put("seed", 1);
        body.putObject("hyperparameters").put("n_epochs", epochs).put("batch_size", 16);
        String taught = TrainingJob.start(client, body).await(Tour::progress);
        OUT.println();
        return taught;
    }

    private static void progress(JsonNode event) {
        JsonNode data = event.path("data");
        int total = data.path("total_steps").asInt(0);
        if (total > 0) {
            int step = data.path("step").asInt();
            int done = BAR_WIDTH * step / total;
            OUT.printf(
                    Locale.ROOT,
                    "\r  [%s%s] step %d of %d, loss %.3f ",
                    "=".repeat(done),
                    " ".repeat(BAR_WIDTH - done),
                    step,
                    total,
                    data.path("train_loss").asDouble());
            OUT.flush();
        }
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.0f %%", 100 * share);
    }

    private static void row(String name, List<Double> gaps) {
        OUT.printf(
                Locale.ROOT,
                "  %-20s %8.1f %8.1f %8.1f%n",
                name,
                quantile(gaps, 0.5),
                quantile(gaps, 0.95),
                quantile(gaps, 0.99));
    }

    private static double quantile(List<Double> sorted, double share) {
        return sorted.isEmpty() ? Double.NaN : sorted.get((int) Math.min(sorted.size() - 1, share * sorted.size()));
    }
}
