package io.tandem.server.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.adapter.AdapterChoice;
import io.tandem.server.adapter.AdapterEntry;
import io.tandem.server.adapter.AdapterJson;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.StoredVersion;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.tenant.Principal;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/** {@code /v1/adapters}: what is there, and what its names mean. */
final class AdaptersHandler {
    private static final int PAGE = 100;
    private static final int LABELS_MAX = 32;
    private static final int PROJECTS_MAX = 256;
    private static final String PROJECTS = "project_ids";
    private static final int LABEL_CHARS_MAX = 256;

    private final TenantAdapters adapters;

    AdaptersHandler(TenantAdapters adapters) {
        this.adapters = adapters;
    }

    private AdapterLibrary library(Principal caller) {
        return adapters.of(caller.tenant()).library();
    }

    /** All adapters, or with {@code label=key=value} those that have the label. */
    void list(RoutingContext context, Principal caller) {
        Json.requireKnown(context, "label");
        String label = context.request().getParam("label");
        AdapterLibrary library = library(caller);
        List<AdapterEntry> all = library.names().stream()
                .flatMap(name -> library.find(name).stream())
                .filter(entry -> label == null || labelled(entry, label))
                .toList();
        Json.answer(
                context, Json.page(context, all, AdapterEntry::name, entry -> AdapterJson.of(entry, library), PAGE));
    }

    private static boolean labelled(AdapterEntry entry, String label) {
        int equals = label.indexOf('=');
        return equals > 0 && label.substring(equals + 1).equals(entry.labels().get(label.substring(0, equals)));
    }

    /** The adapter, and what was found when its version was loaded. */
    void get(RoutingContext context, Principal caller) {
        AdapterLibrary library = library(caller);
        AdapterChoice choice = choice(library, context);
        Json.answer(context, library.report(choice).thenApply(report -> {
            ObjectNode json = AdapterJson.of(library.require(choice.name()), library);
            json.set("report", report);
            return json;
        }));
    }

    /** Deletes an adapter, or with {@code name@hash} one version of it. */
    void delete(RoutingContext context, Principal caller) {
        AdapterLibrary library = library(caller);
        String id = context.pathParam("id");
        CompletableFuture<?> deleted =
                library.find(id).isPresent() ? library.delete(id) : library.deleteVersion(choice(library, context));
        Json.answer(context, deleted.thenApply(gone -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", id);
            json.put("object", "adapter");
            json.put("deleted", true);
            return json;
        }));
    }

    /** What stays on the device takes room from all, so only those who run the server pin. */
    void pin(RoutingContext context, Principal caller) {
        AdapterLibrary library = library(caller);
        String name = name(library, context);
        caller.requireDefaultTenant();
        JsonBody body = body(context);
        body.rejectUnknown(Set.of("pinned"));
        answer(context, library, library.pin(name, body.optionalBoolean("pinned", true)));
    }

    /** Replaces all labels. */
    void label(RoutingContext context, Principal caller) {
        JsonBody body = body(context);
        body.rejectUnknown(Set.of("labels"));
        JsonBody labels = body.optionalObject("labels").orElseThrow(() -> body.invalid("labels", "is required."));
        if (labels.node().size() > LABELS_MAX) {
            throw body.invalid("labels", "must have at most " + LABELS_MAX + " entries.");
        }
        Map<String, String> values = new TreeMap<>();
        for (Map.Entry<String, JsonNode> label : labels.node().properties()) {
            values.put(label.getKey(), labels.requiredString(label.getKey(), LABEL_CHARS_MAX));
        }
        AdapterLibrary library = library(caller);
        answer(context, library, library.label(name(library, context), values));
    }

    /** Replaces the tenants that the adapter answers too. Whether there are such tenants is not this one's to know. */
    void share(RoutingContext context, Principal caller) {
        JsonBody body = body(context);
        body.rejectUnknown(Set.of(PROJECTS));
        AdapterLibrary library = library(caller);
        String name = name(library, context);
        JsonNode projects = body.find(PROJECTS);
        if (projects == null || !projects.isArray() || projects.size() > PROJECTS_MAX) {
            throw body.invalid(PROJECTS, "must be a list of at most " + PROJECTS_MAX + " ids of projects.");
        }
        Set<String> ids = new TreeSet<>();
        for (JsonNode project : projects) {
            if (!project.isTextual() || !TenantId.isOne(project.textValue())) {
                throw body.invalid(PROJECTS, "must be a list of ids of projects.");
            }
            ids.add(project.textValue());
        }
        answer(context, library, library.share(name, ids));
    }

    /** Back to the version before the current one, or to a given one; a canary ends. */
    void rollBack(RoutingContext context, Principal caller) {
        JsonBody body = body(context);
        body.rejectUnknown(Set.of("version"));
        AdapterLibrary library = library(caller);
        answer(
                context,
                library,
                library.rollBack(name(library, context), body.optionalString("version", LABEL_CHARS_MAX)));
    }

    /** A version answers a part of the requests; 0 percent ends that, 100 makes it current. */
    void canary(RoutingContext context, Principal caller) {
        JsonBody body = body(context);
        body.rejectUnknown(Set.of("version", "percent"));
        AdapterLibrary library = library(caller);
        String name = name(library, context);
        double percent = body.optionalNumber("percent", 0, AdapterLibrary.WHOLE)
                .orElseThrow(() -> body.invalid("percent", "is required, from 0 to 100."));
        Optional<String> version = body.optionalString("version", LABEL_CHARS_MAX);
        if (version.isEmpty() && percent > 0) {
            throw body.invalid("version", "is required.");
        }
        answer(context, library, library.canary(name, version, percent));
    }

    private static void answer(
            RoutingContext context, AdapterLibrary library, CompletableFuture<AdapterEntry> changed) {
        Json.answer(context, changed.thenApply(entry -> AdapterJson.of(entry, library)));
    }

    private static String name(AdapterLibrary library, RoutingContext context) {
        return library.require(context.pathParam("id")).name();
    }

    /** The version that the path names: {@code name@hash}, or the current one of a name. */
    static AdapterChoice choice(AdapterLibrary library, RoutingContext context) {
        String id = context.pathParam("id");
        StoredVersion current =
                library.find(id).map(AdapterEntry::currentVersion).orElse(null);
        if (current != null) {
            return new AdapterChoice(id, current);
        }
        // Its first ranks can be asked and exported, but are nothing by themselves.
        return library.choose(id, "").filter(choice -> choice.ranks().isEmpty()).orElseThrow(() -> unknown(id));
    }

    /** The same, or the first ranks of it: {@code name:r4}. */
    static AdapterChoice choiceOrRanks(AdapterLibrary library, RoutingContext context) {
        String id = context.pathParam("id");
        return library.choose(id, "")
                .filter(choice -> choice.ranks().isPresent())
                .orElseGet(() -> choice(library, context));
    }

    private static ApiException unknown(String id) {
        return ApiException.notFound("id", "adapter_not_found", "There is no adapter '" + id + "'.");
    }

    /** A body that may be absent. */
    static JsonBody body(RoutingContext context) {
        return context.body().length() <= 0 ? JsonBody.of(JsonBody.MAPPER.createObjectNode()) : Json.body(context);
    }
}
