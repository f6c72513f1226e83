package io.tandem.server.http;

import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.adapter.AdapterChoice;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.AdapterReference;
import io.tandem.server.adapter.AdapterRouter;
import io.tandem.server.adapter.AdapterRouter.Candidate;
import io.tandem.server.adapter.Adapters;
import io.tandem.server.adapter.AutoModel;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.adapter.TenantAdapters.Chosen;
import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.MergeParams;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.EditDistance;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the adapters of a tenant's request mean: versions, with their weights. */
record ModelNames(String base, TenantId tenant, TenantAdapters tenants) {
    private static final int NEAR_NAMES_MAX = 3;
    /** Of names that are compared to find near ones; keeps a request for a nonsense name cheap. */
    private static final int COMPARED_NAMES_MAX = 1000;

    /** Edits from which on a name is not near, so that a long name costs no more than a short one. */
    private static final int FAR = 5;

    /**
     * What a request runs on.
     *
     * @param model what the answer calls it
     * @param shown the versions by reference, for the client; empty for the base model
     * @param tier the slowest place where one of them was when they were asked for; empty for the base model and for merges
     * @param versions that answer together
     */
    record Resolved(String model, String shown, String tier, List<AdapterVersion> versions) {}

    /** From the fastest. */
    private static final List<String> TIERS = List.of("device", "host", "disk");

    /**
     * Chooses the versions at once, so that all answers to a request have the same; the weights may come later.
     *
     * @throws ApiException if a name is unknown or the request contradicts itself
     */
    CompletableFuture<Resolved> resolve(AdapterParams params) {
        List<String> named = Stream.of(
                        Stream.of(params.model()),
                        params.adapters().stream(),
                        params.merged().stream().flatMap(merge -> merge.ids().stream()))
                .flatMap(names -> names)
                .toList();
        return whenHere(named, () -> resolveHere(params));
    }

    /** At once if nothing has to be fetched, as it is for all but the first request of an adapter that is elsewhere. */
    private <T> CompletableFuture<T> whenHere(List<String> named, Supplier<CompletableFuture<T>> then) {
        List<String> missing = adapters().missing(named);
        return missing.isEmpty() ? then.get() : adapters().fetched(missing).thenCompose(here -> then.get());
    }

    private CompletableFuture<Resolved> resolveHere(AdapterParams params) {
        boolean more = !params.adapters().isEmpty() || params.merged().isPresent();
        if (!params.model().equals(base)) {
            if (more) {
                throw ApiException.invalid(
                        "model", "'model' must be the base model '" + base + "' when adapters are named beside it.");
            }
            return stack(params.model(), choices(params.model(), "model", params.key()), "model");
        }
        if (params.merged().isPresent()) {
            MergeParams merge = params.merged().get();
            List<AdapterChoice> members = own(merge.ids(), merge.field("ids"), params.key());
            return adapters()
                    .merges()
                    .merged(merge, members)
                    .thenApply(version ->
                            new Resolved(base, "merged@" + version.hash().shown(), "", List.of(version)));
        }
        return stack(base, choose(params.adapters(), "adapters", params.key()), "adapters");
    }

    /** The adapters that a name stands for; none if it is the base model. */
    CompletableFuture<Resolved> resolve(String model, String field) {
        return model.equals(base)
                ? stack(base, List.of(), field)
                : whenHere(List.of(model), () -> stack(model, choices(model, field, ""), field));
    }

    /** Whether a request leaves the choice to the server; no adapter is called so. */
    Optional<AutoModel> automatic(AdapterParams params) {
        return params.model().equals(base) || library().find(params.model()).isPresent()
                ? Optional.empty()
                : AutoModel.parse(params.model());
    }

    /**
     * The adapters that may answer a request that leaves the choice to the server: those that it names, or all that the
     * caller can ask for, without checkpoints.
     */
    CompletableFuture<List<Candidate>> candidates(AutoModel auto, AdapterParams params) {
        if (!params.adapters().isEmpty() || params.merged().isPresent()) {
            throw ApiException.invalid(
                    "model", "'model' must be the base model '" + base + "' when adapters are named beside it.");
        }
        if (auto.isNamed()) {
            return whenHere(
                    auto.names(), () -> tenants.router().candidates(choose(auto.names(), "model", params.key()), true));
        }
        List<Chosen> all = tenants.candidates(tenant, params.key());
        if (all.size() > AdapterRouter.CANDIDATES_MAX) {
            throw ApiException.invalid(
                    "model",
                    "'model': there are " + all.size() + " adapters, '" + AutoModel.NAME + "' chooses among at most "
                            + AdapterRouter.CANDIDATES_MAX + "; name some, as in '" + AutoModel.NAME + ":a,b'.");
        }
        return tenants.router().candidates(all, false);
    }

    /** What an adapter that the server chose stands for; the base model if it chose none. */
    CompletableFuture<Resolved> resolve(Optional<Chosen> chosen) {
        return stack(
                chosen.map(one -> one.owner() + one.choice().name()).orElse(base),
                chosen.stream().toList(),
                "model");
    }

    AdapterRouter router() {
        return tenants.router();
    }

    private Adapters adapters() {
        return tenants.of(tenant);
    }

    AdapterLibrary library() {
        return adapters().library();
    }

    /** What can be asked for, sorted, but for the base model. */
    SortedSet<String> listed() {
        SortedSet<String> listed = new TreeSet<>(library().servable());
        listed.addAll(adapters().sources().names());
        listed.addAll(tenants.sharedWith(tenant));
        return listed;
    }

    /** Refuses what no request could name. */
    void requireKnown(String model) {
        if (!model.equals(base) && !adapters().sources().names().contains(model)) {
            choices(model, "model", "");
        }
    }

    private List<Chosen> choices(String model, String field, String key) {
        return choose(AdapterReference.split(model), field, key);
    }

    /** The versions of some of the tenant's own adapters, wherever they are. */
    CompletableFuture<List<AdapterChoice>> chosen(List<String> references, String field) {
        return whenHere(references, () -> CompletableFuture.completedFuture(own(references, field, "")));
    }

    /** The versions of some adapters for a request with this key. */
    private List<Chosen> choose(List<String> references, String field, String key) {
        return references.stream()
                .map(reference -> tenants.choose(tenant, reference, key).orElseThrow(() -> unknown(reference, field)))
                .toList();
    }

    /** Of what others share, requests get answers, but nothing is made. */
    private List<AdapterChoice> own(List<String> references, String field, String key) {
        return references.stream()
                .map(reference -> library().choose(reference, key).orElseThrow(() -> unknown(reference, field)))
                .toList();
    }

    private CompletableFuture<Resolved> stack(String model, List<Chosen> choices, String field) {
        Set<ContentHash> seen = new HashSet<>();
        for (Chosen choice : choices) {
            if (!seen.add(choice.choice().version().content())) {
                throw ApiException.invalid(field, "'" + field + "' has " + choice.reference() + " twice.");
            }
        }
        String tier = choices.stream()
                .map(chosen -> chosen.library().tier(chosen.choice()))
                .max(Comparator.comparingInt(TIERS::indexOf))
                .orElse("");
        List<CompletableFuture<List<AdapterVersion>>> loads = choices.stream()
                .map(chosen -> chosen.library().stack(chosen.choice()))
                .toList();
        String shown = choices.stream().map(Chosen::reference).collect(Collectors.joining("+"));
        return CompletableFuture.allOf(loads.toArray(CompletableFuture[]::new))
                .thenApply(all -> new Resolved(
                        model,
                        shown,
                        tier,
                        loads.stream().flatMap(load -> load.join().stream()).toList()));
    }

    private ApiException unknown(String model, String field) {
        if (model.equals(base)) {
            return ApiException.invalid(
                    field,
                    "'" + field + "': '" + base
                            + "' is the base model, which all adapters change; name adapters only.");
        }
        String near = Stream.concat(Stream.of(base), listed().stream().limit(COMPARED_NAMES_MAX))
                .map(name -> Map.entry(EditDistance.between(name, model, FAR), name))
                .filter(name -> name.getKey() < Math.min(FAR, 1 + model.length() / 2))
                .sorted(Map.Entry.comparingByKey())
                .limit(NEAR_NAMES_MAX)
                .map(Map.Entry::getValue)
                .collect(Collectors.joining("', '"));
        return ApiException.notFound(
                field,
                "model_not_found",
                "The model '" + model + "' does not exist. "
                        + (near.isEmpty()
                                ? "The base model is '" + base + "'; GET /v1/models lists all."
                                : "Did you mean '" + near + "'? GET /v1/models lists all."));
    }
}
