package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tandem tenants}: who may use a server, from a terminal. */
@Command(
        name = "tenants",
        description = "Lists and changes the tenants of a running server. Needs an admin key once there is a key.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class TenantsCommand extends ServerCommand {
    private static final String ROOT = "/v1/organization/projects";
    private static final String USAGE = "/v1/organization/usage/completions";
    private static final String WHICH = "The tenant's name or id; 'default' is the one that runs the server.";
    private static final Map<String, String> FLAGS = Map.of(
            "name", "NAME",
            "role", "--role",
            "requests_per_minute", "--requests-per-minute",
            "tokens_per_minute", "--tokens-per-minute",
            "concurrent_sequences", "--concurrent-sequences",
            "training_tokens_per_day", "--training-tokens-per-day",
            "adapters", "--adapters",
            "file_bytes", "--file-bytes",
            "weight", "--weight");

    @Override
    Map<String, String> flags() {
        return FLAGS;
    }

    @Command(description = "Lists all tenants.", mixinStandardHelpOptions = true)
    int list() throws IOException, InterruptedException {
        List<JsonNode> tenants = client().list(ROOT);
        if (json()) {
            return print(list(tenants));
        }
        Table table = new Table("ID", "NAME", "CREATED");
        for (JsonNode tenant : tenants) {
            table.add(tenant.path("id").asText(), tenant.path("name").asText(), date(tenant, "created_at"));
        }
        table.print(out());
        return 0;
    }

    @Command(description = "Creates a tenant.", mixinStandardHelpOptions = true)
    int create(@Parameters(paramLabel = "NAME") String name) throws IOException, InterruptedException {
        JsonNode tenant = client().post(ROOT, object().put("name", name));
        return json() ? print(tenant) : say(tenant.path("id").asText());
    }

    @Command(description = "Ends a tenant: its keys open nothing any more.", mixinStandardHelpOptions = true)
    int archive(@Parameters(paramLabel = "TENANT", description = WHICH) String tenant)
            throws IOException, InterruptedException {
        JsonNode archived = client().post(path(tenant, "/archive"), object());
        return json() ? print(archived) : say("'" + tenant + "' is archived.");
    }

    @Command(
            description = "Lists a tenant's keys, makes one or deletes one.",
            footer = "A new key is shown once; the server keeps only its hash.",
            mixinStandardHelpOptions = true)
    int keys(
            @Parameters(paramLabel = "TENANT", description = WHICH) String tenant,
            @Option(names = "--create", paramLabel = "NAME", description = "Make a key.") @Nullable String create,
            @Option(
                            names = "--role",
                            paramLabel = "ROLE",
                            defaultValue = "inference",
                            description = "Of the new key: inference, finetune or admin. Default: ${DEFAULT-VALUE}.")
                    String role,
            @Option(names = "--delete", paramLabel = "KEY_ID", description = "Delete a key.") @Nullable String delete)
            throws IOException, InterruptedException {
        String keys = path(tenant, "/api_keys");
        if (create != null) {
            JsonNode key = client().post(keys, object().put("name", create).put("role", role));
            return json() ? print(key) : say(key.path("value").asText());
        }
        if (delete != null) {
            JsonNode answer = client().delete(keys + "/" + ServerClient.part(delete));
            return json() ? print(answer) : say(delete + " is deleted.");
        }
        List<JsonNode> all = client().list(keys);
        if (json()) {
            return print(list(all));
        }
        Table table = new Table("ID", "NAME", "ROLE", "KEY", "CREATED", "LAST USED");
        for (JsonNode key : all) {
            table.add(
                    key.path("id").asText(),
                    key.path("name").asText(),
                    key.path("role").asText(),
                    key.path("redacted_value").asText(),
                    date(key, "created_at"),
                    date(key, "last_used_at"));
        }
        table.print(out());
        return 0;
    }

    @Command(
            description = "Shows what a tenant may use, or sets it; what is not set then has no limit.",
            mixinStandardHelpOptions = true)
    int quota(
            @Parameters(paramLabel = "TENANT", description = WHICH) String tenant,
            @Option(names = "--requests-per-minute", paramLabel = "N", description = "Requests to the model.") @Nullable
                    Long requests,
            @Option(names = "--tokens-per-minute", paramLabel = "N", description = "Of prompts and answers.") @Nullable
                    Long tokens,
            @Option(names = "--concurrent-sequences", paramLabel = "N", description = "Answers at once.") @Nullable
                    Long sequences,
            @Option(names = "--training-tokens-per-day", paramLabel = "N", description = "Of examples; UTC days.")
                    @Nullable
                    Long training,
            @Option(names = "--adapters", paramLabel = "N", description = "Without checkpoints.") @Nullable
                    Long adapters,
            @Option(names = "--file-bytes", paramLabel = "N", description = "Of uploaded files.") @Nullable Long bytes,
            @Option(names = "--weight", paramLabel = "W", description = "Share of the device; default 1.") @Nullable
                    Double weight)
            throws IOException, InterruptedException {
        ObjectNode quota = object().put("requests_per_minute", requests)
                .put("tokens_per_minute", tokens)
                .put("concurrent_sequences", sequences)
                .put("training_tokens_per_day", training)
                .put("adapters", adapters)
                .put("file_bytes", bytes)
                .put("weight", weight);
        boolean change =
                quota.properties().stream().anyMatch(field -> !field.getValue().isNull());
        JsonNode shown =
                change ? client().post(path(tenant, ""), object().set("quota", quota)) : client().get(path(tenant, ""));
        if (json()) {
            return print(shown);
        }
        Table table = new Table("LIMIT", "VALUE");
        shown.path("quota")
                .properties()
                .forEach(field -> table.add(field.getKey(), field.getValue().isNull() ? "none" : field.getValue()));
        table.print(out());
        return 0;
    }

    @Command(description = "Prints what tenants have used, by day and model, as CSV.", mixinStandardHelpOptions = true)
    int usage(
            @Option(names = "--days", paramLabel = "N", defaultValue = "7", description = "Up to 31; default 7.")
                    int days)
            throws IOException, InterruptedException {
        long start = Instant.now().minus(days - 1L, ChronoUnit.DAYS).getEpochSecond();
        String query = "?limit=" + days + "&start_time=" + start;
        return json()
                ? print(client().get(USAGE + query + "&group_by=project_id&group_by=model"))
                : say(client().text(USAGE + query + "&format=csv").stripTrailing());
    }

    /** The path of a tenant that is called by its name or its id. */
    private String path(String tenant, String verb) throws IOException, InterruptedException {
        String id = tenant;
        for (JsonNode known : client().list(ROOT)) {
            if (known.path("name").asText().equals(tenant)) {
                id = known.path("id").asText();
            }
        }
        return ROOT + "/" + ServerClient.part(id) + verb;
    }

    private static String date(JsonNode object, String field) {
        JsonNode seconds = object.path(field);
        return seconds.isNumber() && seconds.asLong() > 0
                ? Instant.ofEpochSecond(seconds.asLong()).toString()
                : "";
    }

    private static ObjectNode list(List<JsonNode> objects) {
        ObjectNode list = object().put("object", "list");
        list.putArray("data").addAll(objects);
        return list;
    }

    private static ObjectNode object() {
        return JsonBody.MAPPER.createObjectNode();
    }
}
