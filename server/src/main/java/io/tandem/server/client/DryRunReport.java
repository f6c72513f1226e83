package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a dry run found, for people. */
final class DryRunReport {
    private DryRunReport() {}

    static void print(JsonNode answer, PrintWriter out) {
        JsonNode file = answer.path("training_file");
        JsonNode plan = answer.path("training");
        JsonNode memory = answer.path("memory");
        out.printf(
                "%d examples, %d tokens, %d with loss; longest %d; %d duplicate, %d truncated%n",
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
                "%,d parameters learn%n",
                plan.path("trained_parameters").asLong());
        out.printf(
                Locale.ROOT,
                "memory: %.1f MB needed, %.1f MB available%n",
                memory.path("needed_bytes").asLong() / 1e6,
                memory.path("available_bytes").asLong() / 1e6);
        memory.path("parts")
                .properties()
                .forEach(part -> out.printf(
                        Locale.ROOT,
                        "  %-20s %10.1f MB%n",
                        part.getKey(),
                        part.getValue().asLong() / 1e6));
        out.println("Tokens with loss are in [brackets]:");
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
