package io.tandem.server.adapter;

import io.tandem.kernels.adapter.routing.LayerInputs;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.server.adapter.TenantAdapters.Chosen;
import io.tandem.server.api.ApiException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses the adapter that answers a request by its prompt, as Arrow does (Ostapenko et al., arXiv 2405.11157), but once for
 * all tokens and linears: what an answer is made of must not change within it.
 */
public final class AdapterRouter {
    /** Of a request that names none: each takes time. */
    public static final int CANDIDATES_MAX = 64;

    private static final Logger LOG = LoggerFactory.getLogger(AdapterRouter.class);

    private final Executor workers;
    private final AdapterMetrics metrics;
    private final double margin;

    /** @param margin by how much the best score must exceed the second best, as a share of that */
    AdapterRouter(Executor workers, AdapterMetrics metrics, double margin) {
        this.workers = workers;
        this.metrics = metrics;
        this.margin = margin;
    }

    /** An adapter that may answer. */
    public record Candidate(Chosen chosen, Prototypes prototypes) {}

    /**
     * Those of some adapters that can be chosen.
     *
     * @param named by the request, which then fails if one of them cannot; otherwise they are left out
     */
    public CompletableFuture<List<Candidate>> candidates(List<Chosen> adapters, boolean named) {
        List<CompletableFuture<Candidate>> all = adapters.stream()
                .map(chosen -> named
                        ? prototypes(chosen)
                        : prototypes(chosen).exceptionally(failure -> {
                            LOG.warn("{} cannot be chosen: {}", chosen.reference(), failure.getMessage());
                            return new Candidate(chosen, Prototypes.NONE);
                        }))
                .toList();
        return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).thenApply(done -> {
            List<Candidate> possible = new ArrayList<>();
            for (CompletableFuture<Candidate> candidate : all) {
                if (!candidate.join().prototypes().isEmpty()) {
                    possible.add(candidate.join());
                } else if (named) {
                    throw ApiException.invalid(
                            "model",
                            "'" + candidate.join().chosen().reference()
                                    + "' cannot be chosen automatically: it has no low-rank factors on a linear that reads"
                                    + " a layer's input (queries, keys, values, gate or up projection).");
                }
            }
            return possible;
        });
    }

    private static CompletableFuture<Candidate> prototypes(Chosen chosen) {
        return chosen.library().prototypes(chosen.choice()).thenApply(prototypes -> new Candidate(chosen, prototypes));
    }

    /**
     * The candidate that answers; none if the base model does, because no candidate stands out.
     *
     * @param inputs what the base model's layers got of the prompt
     */
    public CompletableFuture<Optional<Chosen>> choose(List<Candidate> candidates, LayerInputs inputs) {
        return CompletableFuture.supplyAsync(
                () -> {
                    double[] scores = candidates.stream()
                            .mapToDouble(candidate -> candidate.prototypes().score(inputs))
                            .toArray();
                    Optional<Chosen> best =
                            best(scores, margin).map(at -> candidates.get(at).chosen());
                    metrics.routed(best.isPresent());
                    LOG.debug("scores {} of {}: {}", scores, candidates, best);
                    return best;
                },
                workers);
    }

    /** The place of the largest score, if it exceeds the others by the margin. */
    static Optional<Integer> best(double[] scores, double margin) {
        int best = 0;
        double second = 0;
        for (int i = 1; i < scores.length; i++) {
            if (scores[i] > scores[best]) {
                second = scores[best];
                best = i;
            } else {
                second = Math.max(second, scores[i]);
            }
        }
        return scores.length > 0 && scores[best] > second * (1 + margin) ? Optional.of(best) : Optional.empty();
    }
}
