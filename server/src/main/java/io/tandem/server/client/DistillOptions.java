package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Flags of a job that distills its training file. Any of them asks for one. */
final class DistillOptions {
    @Option(
            names = "--distill",
            paramLabel = "N",
            description = "Keep the N examples that represent the file best, as a file of their own; see --distilled.")
    private @Nullable Integer examples;

    @Option(
            names = "--distill-texts",
            paramLabel = "TEXTS",
            description =
                    "With --distill: selected lines of the file, or chats written by the new model, which then learns"
                            + " the users' messages too; default selected.")
    private @Nullable String texts;

    @Option(
            names = "--distill-clusters",
            paramLabel = "N",
            description =
                    "With --distill: most clusters of loss trajectories; each gives equally many examples; default 100.")
    private @Nullable Integer clusters;

    @Option(
            names = "--cutoff",
            paramLabel = "X",
            description =
                    "With --distill: share of the hardest examples to leave out beforehand; default 0.2, of written ones 0.5.")
    private @Nullable Double cutoff;

    @Option(
            names = "--examinations",
            paramLabel = "N",
            description =
                    "With --distill: how often the loss of every example is measured; default 8. Not if they are written.")
    private @Nullable Integer examinations;

    @Option(names = "--distilled", paramLabel = "FILE", description = "With --distill: where to put the examples.")
    private @Nullable Path target;

    boolean asked() {
        return Stream.of(examples, texts, clusters, cutoff, examinations, target)
                .anyMatch(Objects::nonNull);
    }

    /** Flags by the last part of the fields that they fill. */
    Map<String, String> flags() {
        return Map.of(
                "examples",
                "--distill",
                "texts",
                "--distill-texts",
                "clusters",
                "--distill-clusters",
                "cutoff",
                "--cutoff",
                "examinations",
                "--examinations");
    }

    /** Fills in {@code method.distill}. */
    void fill(ObjectNode settings) {
        HyperparameterOptions.put(settings, "examples", examples);
        HyperparameterOptions.put(settings, "texts", texts);
        HyperparameterOptions.put(settings, "clusters", clusters);
        HyperparameterOptions.put(settings, "cutoff", cutoff);
        HyperparameterOptions.put(settings, "examinations", examinations);
    }

    /** Fetches the examples of a job that has ended, if somebody said where to and there are any. */
    void download(ServerClient client, String jobId) throws IOException, InterruptedException {
        if (target == null) {
            return;
        }
        JsonNode job = client.get("/v1/fine_tuning/jobs/" + ServerClient.part(jobId));
        String file = job.at("/distill/file").asText();
        if (!file.isEmpty()) {
            client.download("/v1/files/" + ServerClient.part(file) + "/content", target);
        }
    }
}
