package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tandem adapters}: what {@code /v1/adapters} can do, from a terminal. */
@Command(
        name = "adapters",
        description = "Lists and changes the adapters of a running server.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class AdaptersCommand extends ServerCommand {
    private static final String ROOT = "/v1/adapters";
    private static final List<String> FILES = List.of("adapter_config.json", "adapter_model.safetensors");

    /** What merging and compressing call the fields of their requests. */
    private static final Map<String, String> FLAGS = Map.ofEntries(
            Map.entry("weights", "--weights"),
            Map.entry("merge_strategy", "--strategy"),
            Map.entry("density", "--density"),
            Map.entry("majority_sign_method", "--sign"),
            Map.entry("form", "--form"),
            Map.entry("max_rank", "--max-rank"),
            Map.entry("validation_file", "--validation"),
            Map.entry("evaluations", "--evaluations"),
            Map.entry("name", "NAME"),
            Map.entry("models", "MODEL"),
            Map.entry("ids", "ADAPTER"));

    @Override
    Map<String, String> flags() {
        return FLAGS;
    }

    @Command(description = "Lists all adapters.", mixinStandardHelpOptions = true)
    int list(@Option(names = "--checkpoints", description = "List the checkpoints of jobs too.") boolean checkpoints)
            throws IOException, InterruptedException {
        ServerClient client = client();
        List<JsonNode> adapters = client.list(ROOT).stream()
                .filter(adapter -> checkpoints || !adapter.path("checkpoint").asBoolean())
                .toList();
        if (json()) {
            ObjectNode list = object().put("object", "list");
            list.putArray("data").addAll(adapters);
            return print(list);
        }
        String base = client.get("/v1/models").at("/data/0/id").asText();
        Table table = new Table("NAME", "VERSION", "CREATED", "TIER", "VERSIONS", "BYTES", "PINNED", "BASE", "ORIGIN");
        for (JsonNode adapter : adapters) {
            JsonNode current = current(adapter);
            table.add(
                    adapter.path("id").asText(),
                    adapter.path("version").asText(),
                    Instant.ofEpochSecond(current.path("created").asLong()),
                    adapter.path("tier").asText(),
                    adapter.path("versions").size(),
                    adapter.path("bytes").asLong(),
                    adapter.path("pinned").asBoolean() ? "pinned" : "",
                    base
                            + (current.path("under").isEmpty()
                                    ? ""
                                    : " + " + current.path("under").size() + " adapters"),
                    current.path("origin").asText());
        }
        table.print(out());
        return 0;
    }

    /** The version of an adapter that answers. */
    private static JsonNode current(JsonNode adapter) {
        for (JsonNode version : adapter.path("versions")) {
            if (version.path("hash").asText().startsWith(adapter.path("version").asText())) {
                return version;
            }
        }
        return MissingNode.getInstance();
    }

    @Command(description = "Shows an adapter, its versions and what it changes.", mixinStandardHelpOptions = true)
    int get(@Parameters(paramLabel = "NAME") String name) throws IOException, InterruptedException {
        return show(client().get(path(name, "")));
    }

    @Command(name = "import", description = "Imports an adapter.", mixinStandardHelpOptions = true)
    int bringIn(
            @Parameters(paramLabel = "NAME") String name,
            @Parameters(paramLabel = "PATH", description = "A directory in PEFT's layout, or a zip of one.") Path path)
            throws IOException, InterruptedException {
        List<Path> files =
                Files.isDirectory(path) ? FILES.stream().map(path::resolve).toList() : List.of(path);
        return show(client().upload(ROOT, "name", name, files));
    }

    @Command(
            description = "Writes an adapter, or with NAME:r4 its first 4 ranks, as a zip in PEFT's layout.",
            mixinStandardHelpOptions = true)
    int export(@Parameters(paramLabel = "NAME") String name, @Parameters(paramLabel = "FILE") Path file)
            throws IOException, InterruptedException {
        client().download(path(name, "/export"), file);
        return json()
                ? print(object().put("id", name).put("file", file.toString()).put("bytes", Files.size(file)))
                : say("wrote " + file + ", " + Files.size(file) + " bytes");
    }

    @Command(description = "Deletes an adapter, or with NAME@HASH a version.", mixinStandardHelpOptions = true)
    int delete(@Parameters(paramLabel = "NAME") String name) throws IOException, InterruptedException {
        JsonNode answer = client().delete(path(name, ""));
        return json() ? print(answer) : say("'" + name + "' is deleted.");
    }

    @Command(description = "Keeps an adapter in memory and on the device.", mixinStandardHelpOptions = true)
    int pin(
            @Parameters(paramLabel = "NAME") String name,
            @Option(names = "--off", description = "Unpin it.") boolean off)
            throws IOException, InterruptedException {
        return show(client().post(path(name, "/pin"), object().put("pinned", !off)));
    }

    @Command(description = "Makes an earlier version current again.", mixinStandardHelpOptions = true)
    int rollback(
            @Parameters(paramLabel = "NAME") String name,
            @Parameters(paramLabel = "HASH", arity = "0..1", description = "The version; default the one before.")
                    @Nullable
                    String hash)
            throws IOException, InterruptedException {
        return show(client().post(path(name, "/rollback"), object().put("version", hash)));
    }

    @Command(
            description = "Lets other tenants ask for an adapter as OWNER_ID/NAME; without any, nobody else.",
            mixinStandardHelpOptions = true)
    int share(
            @Parameters(paramLabel = "NAME") String name,
            @Parameters(paramLabel = "TENANT_ID", arity = "0..*") @Nullable List<String> tenants)
            throws IOException, InterruptedException {
        ObjectNode body = object();
        ArrayNode ids = body.putArray("project_ids");
        (tenants == null ? List.<String>of() : tenants).forEach(ids::add);
        return show(client().post(path(name, "/share"), body));
    }

    @Command(description = "Gives a version a share of the requests.", mixinStandardHelpOptions = true)
    int canary(
            @Parameters(paramLabel = "NAME") String name,
            @Parameters(paramLabel = "HASH") String hash,
            @Parameters(paramLabel = "PERCENT", description = "100 makes it current, 0 ends the trial.") double percent)
            throws IOException, InterruptedException {
        return show(client().post(
                        path(name, "/canary"), object().put("version", hash).put("percent", percent)));
    }

    @Command(description = "Makes a compressed version current.", mixinStandardHelpOptions = true)
    int compress(
            @Parameters(paramLabel = "NAME") String name,
            @Option(names = "--density", paramLabel = "SHARE", description = "Fraction of the numbers kept.") @Nullable
                    Double density,
            @Option(
                            names = "--validation",
                            paramLabel = "FILE",
                            description = "Examples; the scale with the smallest loss on them is taken.")
                    @Nullable
                    Path validation,
            @Option(names = "--replace", description = "Delete the original.") boolean replace)
            throws IOException, InterruptedException {
        ObjectNode body = object().put("density", density).put("keep_original", !replace);
        if (validation != null) {
            body.put("validation_file", client().uploadExamples(validation).id());
        }
        JsonNode answer = client().post(path(name, "/compress"), body);
        if (json()) {
            return print(answer);
        }
        out().printf(
                        Locale.ROOT,
                        "%s: %d bytes instead of %d (%.1f times smaller), relative error %.3f%n",
                        answer.path("version").asText(),
                        answer.path("bytes").asLong(),
                        answer.path("original_bytes").asLong(),
                        answer.path("ratio_on_disk").asDouble(),
                        answer.path("error").asDouble());
        JsonNode measured = answer.path("validation");
        if (measured.isObject()) {
            out().printf(
                            Locale.ROOT,
                            "alpha %.3g; validation loss %.4f, was %.4f%n",
                            answer.path("alpha").asDouble(),
                            measured.path("loss").asDouble(),
                            measured.path("original_loss").asDouble());
        }
        out().flush();
        return 0;
    }

    @Command(
            description = "Measures models on a file of examples: loss, exact matches, token accuracy.",
            mixinStandardHelpOptions = true)
    int compare(
            @Parameters(paramLabel = "FILE", description = "Examples with the right answers.") Path file,
            @Parameters(
                            paramLabel = "MODEL",
                            arity = "1..*",
                            description = "Adapters, stacks as in a+b, or the base model.")
                    List<String> models)
            throws IOException, InterruptedException {
        ServerClient client = client();
        ServerClient.Uploaded examples = client.uploadExamples(file);
        ObjectNode body = object().put("validation_file", examples.id());
        models.forEach(body.putArray("models")::add);
        JsonNode answer;
        try {
            answer = client.post(ROOT + "/compare", body);
        } finally {
            client.discard(examples);
        }
        if (json()) {
            return print(answer);
        }
        Table table = new Table("MODEL", "VERSION", "LOSS", "EXACT", "TOKENS");
        for (JsonNode model : answer.path("data")) {
            table.add(
                    model.path("model").asText(),
                    model.path("version").asText(""),
                    String.format(Locale.ROOT, "%.4f", model.path("loss").asDouble(Double.NaN)),
                    share(model.path("exact_match")),
                    share(model.path("token_accuracy")));
        }
        table.print(out());
        return 0;
    }

    private static String share(JsonNode share) {
        return share.isNumber() ? String.format(Locale.ROOT, "%.1f %%", 100 * share.asDouble()) : "";
    }

    @Command(description = "Merges adapters into a new one; NAME comes first.", mixinStandardHelpOptions = true)
    int merge(
            @Parameters(paramLabel = "NAME", description = "Name of the new adapter.") String name,
            @Parameters(paramLabel = "ADAPTER", arity = "1..*") List<String> ids,
            @Option(
                            names = "--weights",
                            paramLabel = "W",
                            split = ",",
                            description = "One weight per adapter, separated by commas; default 1.")
                    @Nullable
                    List<Double> weights,
            @Option(
                            names = "--strategy",
                            paramLabel = "S",
                            defaultValue = "linear",
                            description =
                                    "linear, cat, svd, ties, dare_linear, dare_ties, magnitude_prune, pcb, layer_swap or ternary_ties; default ${DEFAULT-VALUE}.")
                    String strategy,
            @Option(names = "--density", paramLabel = "SHARE", description = "Fraction of entries kept.") @Nullable
                    Double density,
            @Option(names = "--sign", paramLabel = "METHOD", description = "total or frequency.") @Nullable String sign,
            @Option(names = "--form", paramLabel = "FORM", description = "product or factors.") @Nullable String form,
            @Option(names = "--max-rank", paramLabel = "N", description = "Largest rank of a module.") @Nullable
                    Integer maxRank,
            @Option(
                            names = "--validation",
                            paramLabel = "FILE",
                            description = "Examples; weights with the lowest loss on them are searched for.")
                    @Nullable
                    Path validation,
            @Option(
                            names = "--evaluations",
                            paramLabel = "N",
                            description = "Maximum merges tried when searching weights.")
                    @Nullable
                    Integer evaluations)
            throws IOException, InterruptedException {
        ObjectNode body =
                object().put("name", name).put("merge_strategy", strategy).put("density", density);
        body.put("majority_sign_method", sign).put("form", form).put("max_rank", maxRank);
        body.put("evaluations", evaluations);
        if (validation != null) {
            body.put("validation_file", client().uploadExamples(validation).id());
        }
        ArrayNode members = body.putArray("ids");
        ids.forEach(members::add);
        if (weights != null) {
            ArrayNode shares = body.putArray("weights");
            weights.forEach(shares::add);
        }
        return show(client().post(ROOT + "/merge", body));
    }

    private int show(JsonNode adapter) {
        if (json()) {
            return print(adapter);
        }
        out().printf(
                        "%s: version %s%n",
                        adapter.path("id").asText(), adapter.path("version").asText());
        JsonNode canary = adapter.path("canary");
        if (canary.isObject()) {
            out().printf(
                            Locale.ROOT,
                            "canary: version %s gets %.2f %%%n",
                            canary.path("version").asText(),
                            canary.path("percent").asDouble());
        }
        for (JsonNode version : adapter.path("versions")) {
            out().printf(
                            "  %s  %-10s %10d bytes  %-6s %s%n",
                            version.path("id").asText(),
                            version.path("form").asText(),
                            version.path("bytes").asLong(),
                            version.path("tier").asText(),
                            version.path("origin").asText());
        }
        JsonNode report = adapter.path("report");
        if (report.has("norm")) {
            out().printf(
                            Locale.ROOT,
                            "%s, norm %.4g%n",
                            size(report),
                            report.path("norm").asDouble());
        }
        JsonNode merge = adapter.path("merge");
        if (merge.has("pruned_share")) {
            out().printf(
                            Locale.ROOT,
                            "%s dropped %.1f %% of the entries; signs disagreed at %.1f %% of the places; rank cut %.3g%n",
                            merge.path("merge_strategy").asText(),
                            100 * merge.path("pruned_share").asDouble(),
                            100 * merge.path("disagreeing_share").asDouble(),
                            merge.path("truncation_error").asDouble());
        }
        JsonNode search = merge.path("validation");
        if (search.isObject()) {
            out().printf(
                            Locale.ROOT,
                            "weights %s after %d merges; right validation answers %.1f %%, were %.1f %%; loss %.4f, was %.4f%n",
                            search.path("weights"),
                            search.path("evaluations").asInt(),
                            100 * search.path("exact_match").asDouble(),
                            100 * search.path("given_exact_match").asDouble(),
                            search.path("loss").asDouble(),
                            search.path("given_loss").asDouble());
        }
        out().flush();
        return 0;
    }

    private static String size(JsonNode report) {
        if (report.has("virtual_tokens")) {
            return report.path("virtual_tokens").asText() + " virtual tokens";
        }
        if (report.has("bottleneck_size")) {
            return report.path("modules").asText() + " bottlenecks of width "
                    + report.path("bottleneck_size").asText();
        }
        String least = report.path("min_rank").asText();
        String most = report.path("max_rank").asText();
        String ranks = least.equals(most) ? most : least + " to " + most;
        return report.path("modules").asText() + " modules" + (most.equals("0") ? "" : ", rank " + ranks);
    }

    private static String path(String name, String action) {
        return ROOT + "/" + ServerClient.part(name) + action;
    }

    private static ObjectNode object() {
        return JsonBody.MAPPER.createObjectNode();
    }
}
