package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code tandem jobs}: looks after fine-tuning jobs from a terminal. */
@Command(
        name = "jobs",
        description = "Lists and controls the fine-tuning jobs of a running server.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class JobsCommand extends ServerCommand {
    private static final String ROOT = "/v1/fine_tuning/jobs";
    /** Of a message in a table; {@code get} shows all of it. */
    private static final int MOST_CHARACTERS = 80;

    @Command(description = "Lists all jobs, the newest first.", mixinStandardHelpOptions = true)
    int list() throws IOException, InterruptedException {
        List<JsonNode> jobs = client().list(ROOT);
        if (json()) {
            return print(list(jobs));
        }
        Table table = new Table("JOB", "STATUS", "CREATED", "TOKENS", "RESULT");
        for (JsonNode job : jobs) {
            String failure = job.path("error").path("message").asText("");
            table.add(
                    job.path("id").asText(),
                    job.path("status").asText(),
                    date(job, "created_at"),
                    job.path("trained_tokens").asLong(),
                    failure.isEmpty()
                            ? job.path("fine_tuned_model").asText("")
                            : clipped(failure.lines().findFirst().orElse("")));
        }
        table.print(out());
        return 0;
    }

    @Command(description = "Shows a job.", mixinStandardHelpOptions = true)
    int get(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        JsonNode job = client().get(path(id, ""));
        if (json()) {
            return print(job);
        }
        line("job", job.path("id").asText());
        line("status", job.path("status").asText());
        line("error", job.path("error").path("message").asText(""));
        line("base model", job.path("model").asText());
        line("model", job.path("fine_tuned_model").asText(""));
        line("new base model", job.path("fine_tuned_base").asText(""));
        line("created", date(job, "created_at"));
        line("finished", date(job, "finished_at"));
        line("tokens", job.path("trained_tokens").asText(""));
        line("training file", job.path("training_file").asText());
        line("validation file", job.path("validation_file").asText(""));
        line("method", job.path("method").path("type").asText());
        job.path("hyperparameters")
                .properties()
                .forEach(entry -> line(
                        entry.getKey(),
                        entry.getValue().isValueNode()
                                ? entry.getValue().asText()
                                : entry.getValue().toString()));
        out().flush();
        return 0;
    }

    private void line(String name, String value) {
        if (!value.isEmpty() && !value.equals("null")) {
            out().printf("%-25s %s%n", name, value);
        }
    }

    @Command(description = "Lists what happened to a job, the oldest first.", mixinStandardHelpOptions = true)
    int events(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        List<JsonNode> events = new ArrayList<>(client().list(path(id, "/events")));
        Collections.reverse(events);
        if (json()) {
            return print(list(events));
        }
        for (JsonNode event : events) {
            out().printf(
                            "%s  %-5s  %s%n",
                            date(event, "created_at"),
                            event.path("level").asText(),
                            event.path("message").asText());
        }
        out().flush();
        return 0;
    }

    @Command(description = "Shows a job's progress until it ends.", mixinStandardHelpOptions = true)
    int follow(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return new JobFollower(client(), this).follow(id);
    }

    @Command(description = "Pauses a job; it keeps what it has learned.", mixinStandardHelpOptions = true)
    int pause(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "pause");
    }

    @Command(description = "Resumes a paused job.", mixinStandardHelpOptions = true)
    int resume(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "resume");
    }

    @Command(description = "Cancels a job; its checkpoints stay.", mixinStandardHelpOptions = true)
    int cancel(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        return act(id, "cancel");
    }

    @Command(description = "Lists a job's checkpoints, each a model of its own.", mixinStandardHelpOptions = true)
    int checkpoints(@Parameters(paramLabel = "JOB") String id) throws IOException, InterruptedException {
        List<JsonNode> checkpoints = client().list(path(id, "/checkpoints"));
        if (json()) {
            return print(list(checkpoints));
        }
        for (JsonNode checkpoint : checkpoints) {
            out().printf(
                            "step %-8d %s%n",
                            checkpoint.path("step_number").asInt(),
                            checkpoint.path("fine_tuned_model_checkpoint").asText());
        }
        out().flush();
        return 0;
    }

    private int act(String id, String verb) throws IOException, InterruptedException {
        JsonNode job = client().post(path(id, "/" + verb), JsonBody.MAPPER.createObjectNode());
        return json() ? print(job) : say(id + " is " + job.path("status").asText() + ".");
    }

    private static String clipped(String message) {
        return message.length() <= MOST_CHARACTERS ? message : message.substring(0, MOST_CHARACTERS - 1) + "…";
    }

    private static String date(JsonNode object, String field) {
        JsonNode seconds = object.path(field);
        return seconds.isNumber() ? Instant.ofEpochSecond(seconds.asLong()).toString() : "";
    }

    private static ObjectNode list(List<JsonNode> objects) {
        ObjectNode list = JsonBody.MAPPER.createObjectNode();
        list.put("object", "list").putArray("data").addAll(objects);
        return list;
    }

    private static String path(String id, String verb) {
        return ROOT + "/" + ServerClient.part(id) + verb;
    }
}
