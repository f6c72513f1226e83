package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What each form of weights costs and keeps: a server for each, which is measured, taught the tour's skill and examined. */
@Command(
        name = "weight-forms",
        mixinStandardHelpOptions = true,
        description =
                "Measures each form of weights that works on this machine: memory, perplexity of stories that training"
                        + " did not use, and what fine-tuning over it reaches, and how fast.")
public final class WeightForms implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final List<String> FORMS = List.of("auto", "plain", "packed", "float16", "int8", "int4");
    private static final Path TASKS = Path.of("config/tour");
    private static final String SKILL = "json";
    private static final int STORIES = 200;
    private static final long STORY_SEED = 20_000;
    private static final int EPOCHS = 5;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For weight-forms.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new WeightForms()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        Path stories = Files.createTempFile("stories", ".jsonl");
        List<List<?>> rows = new ArrayList<>();
        try {
            Files.writeString(stories, TourFiles.stories(STORY_SEED, STORIES));
            OUT.println("| form | weights, MB | perplexity | exact match after training | training tokens/s |\n"
                    + "|---|---|---|---|---|");
            for (String form : FORMS) {
                measure(form, stories, rows);
            }
        } finally {
            Files.delete(stories);
        }
        Table.write(
                out.resolve("weight-forms.csv"),
                "form,weight_bytes,perplexity,exact_match,training_tokens_per_s",
                rows);
        return 0;
    }

    private void measure(String form, Path stories, List<List<?>> rows) throws IOException, InterruptedException {
        try (ServerProcess server =
                ServerProcess.start(model.directory(), "kernels: {weight-form: " + form + "}\n", "")) {
            ApiClient client = server.client();
            double bytes = client.metric("tandem_device_memory_bytes", "owner=\"weights\"");
            double perplexity = perplexity(client, stories);
            ObjectNode job = ApiClient.JSON.createObjectNode();
            job.put("model", client.baseModel()).put("seed", 1).put("suffix", SKILL);
            job.put("training_file", client.upload(TASKS.resolve(SKILL + ".train.jsonl")));
            job.putObject("hyperparameters").put("n_epochs", EPOCHS).put("batch_size", 16);
            long start = System.nanoTime();
            TrainingJob training = TrainingJob.start(client, job);
            String taught = training.await(event -> {});
            double seconds = (System.nanoTime() - start) / 1e9;
            double tokens = client.get("/v1/fine_tuning/jobs/" + training.id())
                    .path("trained_tokens")
                    .asDouble();
            double match =
                    new Exam(Files.readAllLines(TASKS.resolve(SKILL + ".test.jsonl"))).exactMatch(client, taught);
            OUT.printf(
                    Locale.ROOT,
                    "| %s | %.1f | %.4f | %.0f %% | %.0f |%n",
                    form,
                    bytes / 1e6,
                    perplexity,
                    100 * match,
                    tokens / seconds);
            rows.add(List.of(form, (long) bytes, perplexity, match, tokens / seconds));
        } catch (IOException e) {
            if (!String.valueOf(e.getMessage()).contains("does not work on this machine")) {
                throw e;
            }
            OUT.printf("| %s | does not work on this machine | | | |%n", form);
        }
    }

    private static double perplexity(ApiClient client, Path stories) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.putArray("models").add(client.baseModel());
        body.put("validation_file", client.upload(stories));
        JsonNode found = client.post("/v1/adapters/compare", body).path("data").path(0);
        return Math.exp(found.path("loss").asDouble());
    }
}
