package io.tandem.loadtest.method;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.pretrain.TourFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.BatchSpeed;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What adapters of each method cost when they answer: a batch of requests, each to an adapter of its own, against the same
 * requests to the base model. Methods that make a base model have none. Both take turns, so that what else the machine does falls on both.
 */
@Command(
        name = "method-cost",
        mixinStandardHelpOptions = true,
        description = "Measures a batch of requests to different adapters of each method, and of all methods mixed.")
public final class MethodCost implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final String MIXED = "all mixed";
    private static final double PERCENT = 100;
    private static final double MILLIS = 1e3;
    /** Checkpoints of a job that stay. */
    private static final int FROM_A_JOB = 8;

    private static final long STORY_SEED = 30_000;

    @Mixin
    private ModelOption model = new ModelOption();

    @Mixin
    private MethodsOption methods = new MethodsOption();

    @Option(
            names = "--random",
            description =
                    "Upload adapters of random numbers instead of training some, for models that take long to train."
                            + " Of LoRA of rank 8, DoRA, (IA)^3, virtual tokens and bottlenecks.")
    private boolean random;

    @Option(names = "--adapters", defaultValue = "32", description = "In a batch; default ${DEFAULT-VALUE}.")
    private int count;

    @Option(names = "--tokens", defaultValue = "64", description = "Of each answer; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(
            names = "--prompt-characters",
            defaultValue = "600",
            description = "Of a prompt, to measure prefill; default ${DEFAULT-VALUE}.")
    private int promptCharacters;

    @Option(names = "--rounds", defaultValue = "5", description = "Of which the median counts; default 5.")
    private int rounds;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For method-cost.csv.")
    private Path out = Path.of("");

    private int prompted;

    /**
     * Medians over the rounds.
     *
     * @param decode sampled tokens per second
     * @param prefill seconds until all have their first token
     */
    private record Speed(double decode, double prefill) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new MethodCost()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<Method> chosen = methods.chosen(random ? RandomAdapters.names() : Set.of()).stream()
                .filter(method -> !method.makesBase())
                .toList();
        int full = chosen.stream().mapToInt(Method::fullModules).max().orElse(0);
        int maxRank = chosen.stream().mapToInt(Method::maxRank).max().orElse(1);
        String settings = "kernels:\n  kv-slots: " + count + "\n  adapter-slots: " + (count + 1)
                + "\n  max-rank: " + maxRank + "\n  full-modules: " + full * (count + 1)
                + "\nscheduler:\n  tpot-target: 1000\nadapters:\n  max-versions: 2000\n";
        List<List<?>> rows = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), settings, "")) {
            ApiClient client = server.client();
            Map<String, List<String>> adapters = new LinkedHashMap<>();
            for (Method method : chosen) {
                adapters.put(method.name(), random ? publish(client, method) : make(client, method));
            }
            adapters.put(MIXED, mixed(List.copyOf(adapters.values())));
            OUT.println("| method | decode, tokens/s | of the base model's | prefill, ms | of the base model's |");
            OUT.println("|---|---|---|---|---|");
            for (Map.Entry<String, List<String>> entry : adapters.entrySet()) {
                rows.addAll(compare(client, entry.getKey(), entry.getValue()));
            }
        }
        Table.write(out.resolve("method-cost.csv"), "method,models,decode_tokens_per_s,prefill_s", rows);
        return 0;
    }

    private List<String> publish(ApiClient client, Method method) throws IOException, InterruptedException {
        return new RandomAdapters(ModelConfigReader.read(model.directory())).publish(client, method.name(), count);
    }

    /** Checkpoints of short jobs: many different adapters for little training. */
    private List<String> make(ApiClient client, Method method) throws IOException, InterruptedException {
        String file =
                client.upload(TourFiles.stories(STORY_SEED, FROM_A_JOB).lines().toList());
        List<String> names = new ArrayList<>();
        for (long seed = 1; names.size() < count; seed++) {
            ObjectNode job = method.job(client.baseModel(), file, seed);
            ((ObjectNode) job.path("hyperparameters"))
                    .put("n_epochs", 1)
                    .put("batch_size", 1)
                    .put("checkpoint_every", 1);
            TrainingJob training = TrainingJob.start(client, job);
            training.await(event -> {});
            names.addAll(training.checkpoints());
        }
        return names.subList(0, count);
    }

    /** As many of each method, as far as they go. */
    private List<String> mixed(List<List<String>> methods) {
        List<String> mixed = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            mixed.add(methods.get(i % methods.size()).get(i / methods.size()));
        }
        return mixed;
    }

    private List<List<?>> compare(ApiClient client, String method, List<String> adapters) throws Exception {
        BatchSpeed base = new BatchSpeed(client, Collections.nCopies(count, client.baseModel()));
        BatchSpeed own = new BatchSpeed(client, adapters);
        List<Speed> without = new ArrayList<>();
        List<Speed> with = new ArrayList<>();
        once(base);
        once(own);
        for (int round = 0; round < rounds; round++) {
            without.add(once(base));
            with.add(once(own));
        }
        Speed before = median(without);
        Speed after = median(with);
        OUT.printf(
                Locale.ROOT,
                "| `%s` | %,.0f | %.0f %% | %.0f | %.0f %% |%n",
                method,
                after.decode,
                PERCENT * after.decode / before.decode,
                MILLIS * after.prefill,
                PERCENT * after.prefill / before.prefill);
        return List.of(
                List.of(method, "base", Math.round(before.decode), before.prefill),
                List.of(method, "adapters", Math.round(after.decode), after.prefill));
    }

    private Speed once(BatchSpeed batch) throws Exception {
        // No prompt has been seen before: nothing of it is in the KV cache.
        List<String> prompts = new ArrayList<>();
        for (int request = 0; request < count; request++) {
            StringBuilder prompt = new StringBuilder("Story " + prompted++ + ". ");
            while (prompt.length() < promptCharacters) {
                prompt.append("Once upon a time there was a fox who lived in a forest. ");
            }
            prompts.add(prompt.substring(0, promptCharacters));
        }
        return new Speed(batch.decode(tokens), batch.prefill(prompts::get));
    }

    private static Speed median(List<Speed> speeds) {
        return new Speed(
                speeds.stream().map(Speed::decode).sorted().toList().get(speeds.size() / 2),
                speeds.stream().map(Speed::prefill).sorted().toList().get(speeds.size() / 2));
    }
}
