package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tandem finetune}: uploads a file, starts a job and shows how it goes. */
@Command(
        name = "finetune",
        description = "Teaches a running server's model from a file of examples in JSON lines.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class FinetuneCommand extends ServerCommand implements Callable<Integer> {
    /** How an adapter is built. */
    enum Method {
        lora,
        rslora
    }

    @Parameters(paramLabel = "FILE", description = "Chats, prompts with completions, texts, or preference pairs.")
    private Path training = Path.of("");

    @Option(names = "--name", required = true, paramLabel = "NAME", description = "Part of the new model's name.")
    private String name = "";

    @Option(names = "--validation", paramLabel = "FILE", description = "Examples to measure the loss on.")
    private @Nullable Path validation;

    @Option(names = "--method", description = "${COMPLETION-CANDIDATES}; default ${DEFAULT-VALUE}.")
    private Method method = Method.lora;

    @Option(names = "--rank", paramLabel = "N", description = "Of the adapter; default 8.")
    private @Nullable Integer rank;

    @Option(names = "--alpha", paramLabel = "X", description = "Default twice the rank.")
    private @Nullable Double alpha;

    @Option(names = "--epochs", paramLabel = "N", description = "Passes over the file; default by its size.")
    private @Nullable Integer epochs;

    @Option(names = "--batch-size", paramLabel = "N", description = "Examples of a step; default by the file's size.")
    private @Nullable Integer batchSize;

    @Option(names = "--learning-rate", paramLabel = "X", description = "At its highest.")
    private @Nullable Double learningRate;

    @Option(names = "--schedule", paramLabel = "S", description = "constant, linear or cosine; default linear.")
    private @Nullable String schedule;

    @Option(names = "--optimizer", paramLabel = "O", description = "adamw, adamw_8bit, sgd or lion; default adamw.")
    private @Nullable String optimizer;

    @Option(names = "--eval-every", paramLabel = "N", description = "Steps between two looks at the validation file.")
    private @Nullable Integer evalEvery;

    @Option(names = "--seed", paramLabel = "N", description = "Of the first weights and the order of examples.")
    private @Nullable Long seed;

    @Option(names = "--dpo", description = "Learn preferences (direct preference optimization) from pairs.")
    private boolean preferences;

    @Option(names = "--beta", paramLabel = "X", description = "With --dpo: how far the model may move; default 0.1.")
    private @Nullable Double beta;

    @Option(
            names = "--control",
            paramLabel = "LABEL=ADAPTER",
            description = "Examples with this control are learned on top of this adapter; may be repeated.")
    private Map<String, String> controls = new LinkedHashMap<>();

    @Option(names = "--truncate", description = "Cut examples that are too long instead of refusing the file.")
    private boolean truncate;

    @Option(names = "--mask-history", description = "Learn only the last answer of each chat, not every one.")
    private boolean maskHistory;

    @Option(names = "--dry-run", description = "Show what would be learned and what it takes; train nothing.")
    private boolean dryRun;

    @Option(names = "--detach", description = "Return when the job is created; 'tandem jobs follow' shows it.")
    private boolean detach;

    @Override
    public Integer call() throws IOException, InterruptedException {
        ServerClient client = client();
        PrintWriter out = out();
        ObjectNode body = JsonBody.MAPPER.createObjectNode();
        body.put("model", client.get("/v1/models").at("/data/0/id").asText());
        body.put("training_file", client.uploadExamples(training));
        if (validation != null) {
            body.put("validation_file", client.uploadExamples(validation));
        }
        body.put("suffix", name);
        if (seed != null) {
            body.put("seed", seed);
        }
        String type = preferences ? "dpo" : "supervised";
        ObjectNode hyperparameters =
                body.putObject("method").put("type", type).putObject(type).putObject("hyperparameters");
        fill(hyperparameters);
        if (dryRun) {
            show(client.post("/v1/fine_tuning/jobs/dry_run", body), out);
            return 0;
        }
        String id = client.post("/v1/fine_tuning/jobs", body).path("id").asText();
        if (detach) {
            out.println(id);
            out.flush();
            return 0;
        }
        return new JobFollower(client, out).follow(id);
    }

    private void fill(ObjectNode hyperparameters) {
        put(hyperparameters, "rank", rank);
        put(hyperparameters, "alpha", alpha);
        put(hyperparameters, "n_epochs", epochs);
        put(hyperparameters, "batch_size", batchSize);
        put(hyperparameters, "learning_rate", learningRate);
        put(hyperparameters, "schedule", schedule);
        put(hyperparameters, "optimizer", optimizer);
        put(hyperparameters, "eval_every", evalEvery);
        put(hyperparameters, "beta", beta);
        put(hyperparameters, "controls", controls.isEmpty() ? null : controls);
        put(hyperparameters, "rslora", method == Method.rslora ? true : null);
        put(hyperparameters, "truncate", truncate ? true : null);
        put(hyperparameters, "mask_history", maskHistory ? true : null);
    }

    private static void put(ObjectNode node, String key, @Nullable Object value) {
        if (value != null) {
            node.set(key, JsonBody.MAPPER.valueToTree(value));
        }
    }

    private static void show(JsonNode answer, PrintWriter out) {
        JsonNode file = answer.path("training_file");
        JsonNode plan = answer.path("training");
        JsonNode memory = answer.path("memory");
        out.printf(
                "%d examples, %d tokens, %d of them learned; longest %d; %d duplicate, %d truncated%n",
                file.path("examples").asInt(),
                file.path("tokens").asLong(),
                file.path("learned_tokens").asLong(),
                file.path("longest_tokens").asInt(),
                file.path("duplicates").asInt(),
                file.path("truncated").asInt());
        String formats = file.path("formats").properties().stream()
                .map(format -> format.getValue().asInt() + " " + format.getKey())
                .collect(Collectors.joining(", "));
        out.printf("read as %s (docs/training-data.md)%n", formats);
        out.printf(
                Locale.ROOT,
                "%d epochs, %d steps of %d examples, %d tokens in all, about %.0f s alone%n",
                plan.path("n_epochs").asInt(),
                plan.path("steps").asInt(),
                plan.path("batch_size").asInt(),
                plan.path("trained_tokens").asLong(),
                plan.path("estimated_seconds").asDouble());
        out.printf(
                Locale.ROOT,
                "memory: %.1f MB needed, %.1f MB there%n",
                memory.path("needed_bytes").asLong() / 1e6,
                memory.path("available_bytes").asLong() / 1e6);
        memory.path("parts")
                .properties()
                .forEach(part -> out.printf(
                        Locale.ROOT,
                        "  %-20s %10.1f MB%n",
                        part.getKey(),
                        part.getValue().asLong() / 1e6));
        out.println("What is learned is in [brackets]:");
        for (JsonNode preview : answer.path("preview")) {
            String control = preview.path("control").asText();
            StringBuilder text = new StringBuilder(control.isEmpty() ? "" : control + ": ");
            boolean inside = false;
            for (JsonNode token : preview.path("tokens")) {
                boolean learned = token.path("learned").asBoolean();
                text.append(learned == inside ? "" : learned ? "[" : "]")
                        .append(token.path("text").asText());
                inside = learned;
            }
            out.println("  " + text + (inside ? "]" : ""));
        }
        out.flush();
    }
}
