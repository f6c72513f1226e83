package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.adapter.AdapterChoice;
import io.tandem.server.adapter.AdapterCompression;
import io.tandem.server.adapter.AdapterEntry;
import io.tandem.server.adapter.AdapterJson;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.Adapters;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.CompareParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.MergeParams;
import io.tandem.server.api.MergeSearch;
import io.tandem.server.tenant.Principal;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;

/** {@code /v1/adapters}: how adapters come in, go out, and are made of others. */
final class AdapterMakingHandler {
    private static final int NAME_CHARS_MAX = 256;
    private static final int PATH_CHARS_MAX = 4096;

    private final TenantAdapters tenants;
    private final Function<Principal, ModelNames> names;
    private final ServedModel model;
    private final int maxRank;
    private final TenantTurns forms;

    AdapterMakingHandler(
            TenantAdapters tenants,
            Function<Principal, ModelNames> names,
            ServedModel model,
            int maxRank,
            TenantTurns forms) {
        this.forms = forms;
        this.tenants = tenants;
        this.names = names;
        this.model = model;
        this.maxRank = maxRank;
    }

    /** An adapter on its way into the library. */
    private record Incoming(String name, Adapter adapter, double percent) {}

    /** A form with a name and files. */
    void upload(RoutingContext context, Principal caller, Upload upload) {
        Adapters adapters = tenants.of(caller.tenant());
        Callable<Incoming> read = () -> {
            try (upload) {
                Form form = upload.read();
                JsonBody fields = fields(form);
                String name = fields.requiredString("name", NAME_CHARS_MAX);
                double percent = percent(fields);
                return new Incoming(name, adapters.transfer().read(files(form)), percent);
            }
        };
        publish(
                context,
                adapters,
                "uploaded",
                forms.run(caller.tenant(), upload.bytes(), read).toCompletionStage());
    }

    /** A path below the adapter root, or an address. */
    void create(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("name", "path", "canary_percent"));
        String path = body.requiredString("path", PATH_CHARS_MAX);
        String name = body.requiredString("name", NAME_CHARS_MAX);
        double percent = percent(body);
        Adapters adapters = tenants.of(caller.tenant());
        publish(
                context,
                adapters,
                "read from " + path,
                adapters.read(path, "path").thenApply(adapter -> new Incoming(name, adapter, percent)));
    }

    private static Map<String, Path> files(Form form) {
        Map<String, Path> files = new LinkedHashMap<>();
        for (Form.UploadedFile file : form.files()) {
            if (!file.field().equals("file") || files.put(file.name(), file.path()) != null) {
                throw ApiException.invalid("file", "'file' must be the name of each uploaded file, and none twice.");
            }
        }
        return files;
    }

    /** The form's fields like those of a JSON body. */
    private static JsonBody fields(Form form) {
        ObjectNode fields = JsonBody.MAPPER.createObjectNode();
        form.fields().forEach((name, value) -> {
            if (name.equals("canary_percent") && value.matches("[0-9]{1,3}(\\.[0-9]{1,6})?")) {
                fields.put(name, Double.parseDouble(value));
            } else {
                fields.put(name, value);
            }
        });
        JsonBody body = JsonBody.of(fields);
        body.rejectUnknown(Set.of("name", "canary_percent"));
        return body;
    }

    private static double percent(JsonBody body) {
        return body.optionalNumber("canary_percent", 0, AdapterLibrary.WHOLE).orElse(AdapterLibrary.WHOLE);
    }

    private static void publish(
            RoutingContext context, Adapters adapters, String origin, CompletionStage<Incoming> read) {
        Json.answer(
                context,
                read.thenCompose(in -> published(
                        adapters,
                        in.name(),
                        in.adapter(),
                        () -> adapters.library().publish(in.name(), in.adapter(), origin, in.percent()))));
    }

    /** Publishes an adapter that the device can answer with; says what it matched and what difference it makes. */
    private static CompletableFuture<ObjectNode> published(
            Adapters adapters, String name, Adapter adapter, Supplier<CompletableFuture<AdapterEntry>> publish) {
        return adapters.probed(name, adapter)
                .thenCompose(difference ->
                        publish.get().thenCompose(entry -> described(adapters.library(), entry, difference)));
    }

    private static CompletableFuture<ObjectNode> described(
            AdapterLibrary library, AdapterEntry entry, OptionalDouble difference) {
        AdapterChoice choice = new AdapterChoice(
                entry.name(), entry.versions().get(entry.versions().size() - 1));
        return library.report(choice).thenApply(report -> {
            ObjectNode json = AdapterJson.of(entry, library);
            json.set("report", report);
            ObjectNode probe = report.putObject("probe");
            if (difference.isPresent()) {
                probe.put("logprob_difference", difference.getAsDouble());
            } else {
                probe.putNull("logprob_difference");
            }
            return json;
        });
    }

    /** A zip in PEFT's layout. */
    void export(RoutingContext context, Principal caller) {
        Adapters adapters = tenants.of(caller.tenant());
        AdapterChoice choice = AdaptersHandler.choiceOrRanks(adapters.library(), context);
        Json.blocking(context, () -> adapters.transfer().export(choice), archive -> {
            context.response().putHeader("X-Adapter-Version", choice.reference());
            Downloads.send(context, archive, "application/zip")
                    .onFailure(context::fail)
                    .onComplete(sent -> context.vertx().executeBlocking(() -> Files.deleteIfExists(archive), false));
        });
    }

    /** Saves a merge under a name. */
    void merge(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        Set<String> known = new HashSet<>(MergeParams.FIELDS);
        known.addAll(MergeSearch.FIELDS);
        known.addAll(Set.of("name", "canary_percent"));
        body.rejectUnknown(known);
        String name = body.requiredString("name", NAME_CHARS_MAX);
        double percent = percent(body);
        MergeParams params = MergeParams.read(body, "", model.shape().layers(), maxRank);
        Optional<MergeSearch> search = MergeSearch.read(body, params);
        Adapters adapters = tenants.of(caller.tenant());
        Json.answer(context, names.apply(caller).chosen(params.ids(), "ids").thenCompose(members -> {
            String origin = "merged "
                    + String.join(
                            " ", members.stream().map(AdapterChoice::reference).toList());
            return adapters.merges()
                    .merge(params, members, search)
                    .thenCompose(result -> published(
                                    adapters,
                                    name,
                                    result.adapter(),
                                    () -> adapters.library().publishMade(name, result.adapter(), origin, percent))
                            .thenApply(json -> json.set("merge", result.report())));
        }));
    }

    /** Measures models on a validation file, beside everything else that the server does. */
    void compare(RoutingContext context, Principal caller) {
        CompareParams params = CompareParams.read(Json.body(context));
        ModelNames known = names.apply(caller);
        List<CompletableFuture<ModelNames.Resolved>> models = params.models().stream()
                .map(name -> known.resolve(name, "models"))
                .toList();
        Json.answer(
                context,
                CompletableFuture.allOf(models.toArray(CompletableFuture[]::new))
                        .thenApply(all ->
                                models.stream().map(CompletableFuture::join).toList())
                        .thenCompose(found -> tenants.of(caller.tenant())
                                .compare(
                                        params.validationFile(),
                                        found.stream()
                                                .map(ModelNames.Resolved::versions)
                                                .toList())
                                .thenApply(scores -> comparison(params, found, scores))));
    }

    private static ObjectNode comparison(CompareParams params, List<ModelNames.Resolved> found, List<Scores> scores) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "adapter.comparison");
        json.put("validation_file", params.validationFile());
        ArrayNode data = json.putArray("data");
        for (int i = 0; i < scores.size(); i++) {
            data.add(AdapterJson.scores(params.models().get(i), found.get(i).shown(), scores.get(i)));
        }
        return json;
    }

    void compress(RoutingContext context, Principal caller) {
        Adapters adapters = tenants.of(caller.tenant());
        AdapterChoice choice = AdaptersHandler.choice(adapters.library(), context);
        AdapterCompression.Params params = AdapterCompression.Params.read(AdaptersHandler.body(context));
        Json.answer(context, adapters.compression().compress(choice, params));
    }
}
