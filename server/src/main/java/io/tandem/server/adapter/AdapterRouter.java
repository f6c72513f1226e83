package io.tandem.server.adapter;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.tandem.kernels.adapter.routing.LayerInputs;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.server.adapter.TenantAdapters.Chosen;
import io.tandem.server.api.ApiException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses the adapter that answers a request by its prompt, as Arrow does (Ostapenko et al., arXiv 2405.11157), but once for
 * all tokens and linears: what an answer is made of must not change within it. As Arrow has no base model to fall back on, an
 * adapter answers only if the prompt is more one for it than everyday questions are.
 */
public final class AdapterRouter {
    /** Of a request that names none: each takes time. */
    public static final int CANDIDATES_MAX = 64;

    private static final int USUAL_MAX = 100_000;
    private static final Logger LOG = LoggerFactory.getLogger(AdapterRouter.class);

    private final Executor workers;
    private final AdapterMetrics metrics;
    private final double margin;
    /** Scores for everyday questions, by the hash of the content. */
    private final Cache<String, Double> usual =
            Caffeine.newBuilder().executor(Runnable::run).maximumSize(USUAL_MAX).build();

    /** @param margin by how much an adapter's score must exceed its usual one, as a share of that */
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
                            // Whoever read it has said why, and other requests will, too.
                            LOG.debug("{} cannot be chosen", chosen.reference(), failure);
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

    /** Whether it has to be {@linkplain #measure measured} first how usual these candidates' scores are. */
    public boolean mustMeasure(List<Candidate> candidates) {
        return candidates.stream().anyMatch(this::isUnknown);
    }

    /** @param everyday what the base model's layers got of questions that are for no adapter */
    public CompletableFuture<Void> measure(List<Candidate> candidates, List<LayerInputs> everyday) {
        return CompletableFuture.runAsync(
                () -> candidates.stream()
                        .filter(this::isUnknown)
                        .forEach(candidate -> usual.put(
                                content(candidate),
                                everyday.stream()
                                        .mapToDouble(candidate.prototypes()::score)
                                        .average()
                                        .orElse(0))),
                workers);
    }

    private boolean isUnknown(Candidate candidate) {
        return usual.getIfPresent(content(candidate)) == null;
    }

    private static String content(Candidate candidate) {
        return candidate.chosen().choice().content();
    }

    /**
     * The candidate that answers, the first of several that are the same; none if the base model does, because the best one
     * does not stand out.
     *
     * @param inputs what the base model's layers got of the prompt
     */
    public CompletableFuture<Optional<Chosen>> choose(List<Candidate> candidates, LayerInputs inputs) {
        return CompletableFuture.supplyAsync(() -> chosen(candidates, inputs), workers);
    }

    private Optional<Chosen> chosen(List<Candidate> candidates, LayerInputs inputs) {
        Optional<Chosen> answers = Optional.empty();
        double most = 0;
        for (Candidate candidate : candidates) {
            double score = candidate.prototypes().score(inputs);
            double needed = (1 + margin) * Objects.requireNonNullElse(usual.getIfPresent(content(candidate)), 0.0);
            LOG.debug("{} has the score {}, needs {}", candidate.chosen().reference(), score, needed);
            if (score > most) {
                most = score;
                answers = score > needed ? Optional.of(candidate.chosen()) : Optional.empty();
            }
        }
        answers.ifPresent(one -> one.library().catalog().touch(one.choice().name()));
        metrics.routed(answers.isPresent());
        return answers;
    }
}
