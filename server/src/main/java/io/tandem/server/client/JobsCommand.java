package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code tandem jobs}: looks after fine-tuning jobs from a terminal. */
@Command(
        name = "jobs",
        description = "Lists and steers the fine-tuning jobs of a running server.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class JobsCommand extends ServerCommand {
    private static final String ROOT = "/v1/fine_tuning/jobs";

    @Command(description = "Lists all jobs, the newest first.", mixinStandardHelpOptions = true)
    int list() throws IOException, InterruptedException {
        PrintWriter out = out();
        out.printf("%-32s %-12s %-20s %10s %s%n", "JOB", "STATUS", "CREATED", "TOKENS", "MODEL");
        for (JsonNode job : client().get(ROOT + "?limit=100").path("data")) {
            out.printf(
                    "%-32s %-12s %-20s %10d %s%n",
                    job.path("id").asText(),
                    job.path("status").asText(),
                    Instant.ofEpochSecond(job.path("created_at").asLong()),
                    job.path("trained_tokens").asLong(),
                    job.path("fine_tuned_model").asText(""));
        }
        out.flush();
        return 0;
    }

    @Command(description = "Shows a job's progress until it ends.", mixinStandardHelpOptions = true)
    int follow(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return new JobFollower(client(), out()).follow(id);
    }

    @Command(description = "Lets a job rest; it keeps what it has learned.", mixinStandardHelpOptions = true)
    int pause(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "pause");
    }

    @Command(description = "Lets a paused job go on.", mixinStandardHelpOptions = true)
    int resume(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "resume");
    }

    @Command(description = "Ends a job; its checkpoints stay.", mixinStandardHelpOptions = true)
    int cancel(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "cancel");
    }

    @Command(description = "Lists a job's checkpoints, each a model of its own.", mixinStandardHelpOptions = true)
    int checkpoints(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        PrintWriter out = out();
        for (JsonNode checkpoint : client().get(path(id, "checkpoints")).path("data")) {
            out.printf(
                    "step %-8d %s%n",
                    checkpoint.path("step_number").asInt(),
                    checkpoint.path("fine_tuned_model_checkpoint").asText());
        }
        out.flush();
        return 0;
    }

    private int act(String id, String verb) throws IOException, InterruptedException {
        JsonNode job = client().post(path(id, verb), JsonBody.MAPPER.createObjectNode());
        out().printf("%s is %s.%n", id, job.path("status").asText());
        out().flush();
        return 0;
    }

    private static String path(String id, String verb) {
        return ROOT + "/" + ServerClient.part(id) + "/" + verb;
    }
}
