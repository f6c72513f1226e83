package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.kernels.adapter.merge.Merge;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.adapter.merge.Merged;
import io.tandem.kernels.adapter.merge.TernaryTies;
import io.tandem.kernels.adapter.merge.WeightSearch;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.MergeParams;
import io.tandem.server.api.MergeSearch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Adapters that are made of others. What a request asks for is merged once and then found by content: the hashes of the
 * members and all that the merge was told. Members are read first and merged afterwards, each by its own threads, so a
 * merge never waits inside the threads that it waits for.
 */
public final class AdapterMerges {
    private static final String UNNAMED = "merged";

    private final AdapterLibrary library;
    private final AdapterValidation validation;

    public AdapterMerges(AdapterLibrary library, AdapterValidation validation) {
        this.library = library;
        this.validation = validation;
    }

    /**
     * A merge.
     *
     * @param report what was lost, as JSON
     */
    public record Result(Adapter adapter, ObjectNode report) {}

    /**
     * The merge of exactly these versions, from memory if it was made before.
     *
     * @param members in the order of the parameters' ids
     */
    public CompletableFuture<AdapterVersion> merged(MergeParams params, List<AdapterChoice> members) {
        String description = members.stream().map(AdapterChoice::content).collect(Collectors.joining(","))
                + params.spec().map(MergeSpec::toString).orElse(MergeParams.TERNARY_TIES + params.weights());
        String key = UNNAMED + "@" + ContentHash.of(description).hex();
        Optional<CompletableFuture<AdapterVersion>> known = library.cache().find(key);
        return known.orElseGet(() -> load(params, members)
                .thenCompose(loaded -> library.cache()
                        .get(
                                key,
                                library.workers(),
                                () -> orRefusal(
                                        params,
                                        () -> library.prepared(
                                                UNNAMED,
                                                merge(params, members, loaded).adapter())))));
    }

    /**
     * Merges these versions.
     *
     * @param search for the best weights, which starts from the given ones; empty to take those
     */
    public CompletableFuture<Result> merge(
            MergeParams params, List<AdapterChoice> members, Optional<MergeSearch> search) {
        return load(params, members)
                .thenApplyAsync(
                        loaded -> search.isPresent()
                                ? made(params, () -> searched(params.spec().orElseThrow(), loaded, search.get()))
                                : merge(params, members, loaded),
                        library.workers());
    }

    /** Members in their order; none for a merge that reads the compressed files itself. */
    private CompletableFuture<List<Adapter>> load(MergeParams params, List<AdapterChoice> members) {
        members.forEach(member -> member.requireAlone(params.field("ids"), "merged"));
        if (params.spec().isEmpty()) {
            return CompletableFuture.completedFuture(List.of());
        }
        List<CompletableFuture<AdapterVersion>> loads =
                members.stream().map(library::load).toList();
        return CompletableFuture.allOf(loads.toArray(CompletableFuture[]::new))
                .thenApply(
                        all -> loads.stream().map(load -> load.join().adapter()).toList());
    }

    private Result merge(MergeParams params, List<AdapterChoice> members, List<Adapter> loaded) {
        return made(
                params, () -> params.spec().map(spec -> dense(spec, loaded)).orElseGet(() -> ternary(params, members)));
    }

    private static Result made(MergeParams params, Supplier<Result> merge) {
        return orRefusal(params, () -> {
            Result result = merge.get();
            LoadReport.of(result.adapter()).requireChange(UNNAMED);
            return result;
        });
    }

    private static <T> T orRefusal(MergeParams params, Supplier<T> work) {
        try {
            return work.get();
        } catch (IllegalArgumentException | AdapterFormatException e) {
            throw ApiException.invalid(params.field("ids"), "The merge is not possible: " + e.getMessage() + ".");
        }
    }

    private Result dense(MergeSpec spec, List<Adapter> adapters) {
        // In this pool the merge's parallel streams take its threads, not those that everybody shares.
        Merged merged =
                library.workers().submit(() -> Merge.of(spec).apply(adapters)).join();
        return new Result(merged.adapter(), AdapterJson.merge(spec.method().label(), merged.report()));
    }

    private Result searched(MergeSpec spec, List<Adapter> adapters, MergeSearch search) {
        Function<List<AdapterVersion>, Scores> measure;
        try {
            measure = validation.scores(search.validationFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<Scores> tried = Collections.synchronizedList(new ArrayList<>());
        WeightSearch.Found found = library.workers()
                .submit(() -> WeightSearch.of(search.evaluations(), spec.seed()).search(spec, adapters, merged -> {
                    Scores scores = measure.apply(List.of(library.prepared(UNNAMED, merged)));
                    tried.add(scores);
                    return worth(scores);
                }))
                .join();
        ObjectNode report =
                AdapterJson.merge(spec.method().label(), found.merged().report());
        Scores best = Collections.max(tried, Comparator.comparingDouble(AdapterMerges::worth));
        report.set("validation", AdapterJson.search(found.weights(), best, tried));
        return new Result(found.merged().adapter(), report);
    }

    /**
     * What a search looks for. The share of right answers alone says nothing where none is right, and the loss alone does
     * not notice a token that spoils every answer.
     */
    private static double worth(Scores scores) {
        return Double.isNaN(scores.loss())
                ? Double.NEGATIVE_INFINITY
                : scores.exactMatch().orElse(0) - scores.loss();
    }

    private Result ternary(MergeParams params, List<AdapterChoice> members) {
        List<TernaryAdapter> adapters = new ArrayList<>();
        for (AdapterChoice member : members) {
            if (!member.version().compressed() || member.ranks().isPresent()) {
                throw new IllegalArgumentException(
                        member.reference() + " is not compressed, " + MergeParams.TERNARY_TIES + " needs that");
            }
            adapters.add(library.readTernary(member));
        }
        double[] weights =
                params.weights().stream().mapToDouble(Double::doubleValue).toArray();
        Merged merged = TernaryTies.merge(adapters, weights);
        return new Result(merged.adapter(), AdapterJson.merge(MergeParams.TERNARY_TIES, merged.report()));
    }
}
