package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;

/** {@code tandem adapters}: what {@code /v1/adapters} can do, from a terminal. */
@Command(
        name = "adapters",
        description = "Lists and changes the adapters of a running server.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class AdaptersCommand extends ServerCommand {
    private static final String ROOT = "/v1/adapters";
    private static final List<String> FILES = List.of("adapter_config.json", "adapter_model.safetensors");

    @Option(names = "--json", scope = ScopeType.INHERIT, description = "Print the server's answer as it is.")
    private boolean json;

    @Command(description = "Lists all adapters.", mixinStandardHelpOptions = true)
    int list() throws IOException, InterruptedException {
        JsonNode answer = client().get(ROOT + "?limit=1000");
        if (json) {
            return print(answer);
        }
        out().printf("%-40s %-12s %-6s %8s %10s %s%n", "NAME", "VERSION", "TIER", "VERSIONS", "BYTES", "");
        for (JsonNode adapter : answer.path("data")) {
            out().printf(
                            "%-40s %-12s %-6s %8d %10d %s%n",
                            adapter.path("id").asText(),
                            adapter.path("version").asText(),
                            adapter.path("tier").asText(),
                            adapter.path("versions").size(),
                            adapter.path("bytes").asLong(),
                            adapter.path("pinned").asBoolean() ? "pinned" : "");
        }
        out().flush();
        return 0;
    }

    @Command(description = "Shows an adapter, its versions and what it changes.", mixinStandardHelpOptions = true)
    int get(@Parameters(paramLabel = "NAME") String name) throws IOException, InterruptedException {
        return show(client().get(path(name, "")));
    }

    @Command(name = "import", description = "Brings an adapter in.", mixinStandardHelpOptions = true)
    int bringIn(
            @Parameters(paramLabel = "NAME") String name,
            @Parameters(paramLabel = "PATH", description = "A directory in PEFT's layout, or a zip of one.") Path path)
            throws IOException, InterruptedException {
        List<Path> files =
                Files.isDirectory(path) ? FILES.stream().map(path::resolve).toList() : List.of(path);
        return show(client().upload(ROOT, "name", name, files));
    }

    @Command(description = "Writes an adapter as a zip in PEFT's layout.", mixinStandardHelpOptions = true)
    int export(@Parameters(paramLabel = "NAME") String name, @Parameters(paramLabel = "FILE") Path file)
            throws IOException, InterruptedException {
        client().download(path(name, "/export"), file);
        return 0;
    }

    @Command(description = "Deletes an adapter, or with NAME@HASH a version.", mixinStandardHelpOptions = true)
    int delete(@Parameters(paramLabel = "NAME") String name) throws IOException, InterruptedException {
        return print(client().delete(path(name, "")));
    }

    @Command(description = "Keeps an adapter in memory and on the device.", mixinStandardHelpOptions = true)
    int pin(
            @Parameters(paramLabel = "NAME") String name,
            @Option(names = "--off", description = "Let it go again.") boolean off)
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
            @Option(names = "--density", paramLabel = "SHARE", description = "Of the numbers that are kept.") @Nullable
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
            body.put("validation_file", client().uploadExamples(validation));
        }
        JsonNode answer = client().post(path(name, "/compress"), body);
        if (json) {
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

    @Command(description = "Makes one adapter of several.", mixinStandardHelpOptions = true)
    int merge(
            @Parameters(paramLabel = "NAME", description = "Of the new adapter.") String name,
            @Parameters(paramLabel = "ADAPTER", arity = "1..*") List<String> ids,
            @Option(names = "--weights", paramLabel = "W", split = ",", description = "One for each, by commas.")
                    @Nullable
                    List<Double> weights,
            @Option(names = "--strategy", paramLabel = "S", defaultValue = "linear", description = "For example ties.")
                    String strategy,
            @Option(names = "--density", paramLabel = "SHARE", description = "Of the entries that are kept.") @Nullable
                    Double density,
            @Option(names = "--sign", paramLabel = "METHOD", description = "total or frequency.") @Nullable String sign,
            @Option(names = "--form", paramLabel = "FORM", description = "product or factors.") @Nullable String form,
            @Option(names = "--max-rank", paramLabel = "N", description = "Largest rank of a module.") @Nullable
                    Integer maxRank,
            @Option(
                            names = "--validation",
                            paramLabel = "FILE",
                            description = "Examples; the weights with the smallest loss on them are looked for.")
                    @Nullable
                    Path validation,
            @Option(names = "--evaluations", paramLabel = "N", description = "Merges that are tried for that.")
                    @Nullable
                    Integer evaluations)
            throws IOException, InterruptedException {
        ObjectNode body =
                object().put("name", name).put("merge_strategy", strategy).put("density", density);
        body.put("majority_sign_method", sign).put("form", form).put("max_rank", maxRank);
        body.put("evaluations", evaluations);
        if (validation != null) {
            body.put("validation_file", client().uploadExamples(validation));
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
        if (json) {
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
                            "changes %d modules by ranks %d to %d, norm %.4g%n",
                            report.path("modules").asInt(),
                            report.path("min_rank").asInt(),
                            report.path("max_rank").asInt(),
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

    private int print(JsonNode answer) {
        out().println(answer.toPrettyString());
        out().flush();
        return 0;
    }

    private static String path(String name, String action) {
        return ROOT + "/" + ServerClient.part(name) + action;
    }

    private static ObjectNode object() {
        return JsonBody.MAPPER.createObjectNode();
    }
}
