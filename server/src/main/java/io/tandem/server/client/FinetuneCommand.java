package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tandem finetune}: uploads a file, starts a job and shows how it goes. */
@Command(
        name = "finetune",
        description = "Fine-tunes a running server's model on a file of examples.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class FinetuneCommand extends ServerCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "FILE",
            description = "Chats, prompts with completions, texts, or preference pairs; see docs/training-data.md.")
    private Path training = Path.of("");

    @Option(names = "--name", required = true, paramLabel = "NAME", description = "Part of the new model's name.")
    private String name = "";

    @Option(names = "--validation", paramLabel = "FILE", description = "Examples to measure the loss on.")
    private @Nullable Path validation;

    @Mixin
    private SearchOptions search = new SearchOptions();

    @Mixin
    private DistillOptions distill = new DistillOptions();

    @Mixin
    private HyperparameterOptions hyperparameters = new HyperparameterOptions();

    @Option(names = "--dpo", description = "Learn preferences (direct preference optimization) from pairs.")
    private boolean preferences;

    @Option(names = "--seed", paramLabel = "N", description = "Random seed (initialisation, shuffling).")
    private @Nullable Long seed;

    @Option(names = "--dry-run", description = "Show what would be trained and what it takes; train nothing.")
    private boolean dryRun;

    @Option(names = "--detach", description = "Return when the job is created; 'tandem jobs follow' shows it.")
    private boolean detach;

    @Override
    Map<String, String> flags() {
        Map<String, String> flags = HyperparameterOptions.flags(training);
        flags.putAll(search.flags());
        flags.putAll(distill.flags());
        return flags;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (distill.asked() && (preferences || search.asked())) {
            throw wrong("--distill goes neither with --dpo nor with --search.");
        }
        ServerClient client = client();
        List<ServerClient.Uploaded> files = new ArrayList<>();
        try {
            ObjectNode body = body(client, files);
            if (dryRun) {
                JsonNode answer = client.post("/v1/fine_tuning/jobs/dry_run", body);
                if (json()) {
                    return print(answer);
                }
                DryRunReport.print(answer, out());
                return 0;
            }
            JsonNode job = client.post("/v1/fine_tuning/jobs", body);
            // The job has copies of its own, but its files are still worth having: another job may use them.
            files.clear();
            return created(client, job);
        } finally {
            for (ServerClient.Uploaded file : files) {
                client.discard(file);
            }
        }
    }

    private ObjectNode body(ServerClient client, List<ServerClient.Uploaded> files)
            throws IOException, InterruptedException {
        ObjectNode body = JsonBody.MAPPER.createObjectNode();
        body.put("model", client.get("/v1/models").at("/data/0/id").asText());
        files.add(client.uploadExamples(training));
        body.put("training_file", files.get(0).id());
        if (validation != null) {
            files.add(client.uploadExamples(validation));
            body.put("validation_file", files.get(1).id());
        }
        body.put("suffix", name);
        if (seed != null) {
            body.put("seed", seed);
        }
        String type = search.asked() ? "search" : distill.asked() ? "distill" : preferences ? "dpo" : "supervised";
        ObjectNode method = body.putObject("method").put("type", type);
        ObjectNode settings = method.putObject(type);
        if (search.asked()) {
            search.fill(settings, preferences);
        }
        distill.fill(settings);
        hyperparameters.fill(settings.putObject("hyperparameters"), client);
        return body;
    }

    private int created(ServerClient client, JsonNode job) throws IOException, InterruptedException {
        String id = job.path("id").asText();
        if (!detach) {
            int exit = new JobFollower(client, this).follow(id);
            distill.download(client, id);
            return exit;
        }
        if (json()) {
            return print(job);
        }
        out().println(id);
        out().flush();
        return 0;
    }
}
