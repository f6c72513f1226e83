package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.plan.ModestTenants;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * What tenants had of the device in the last seconds: tokens, weighted by what they cost as in {@link FairQueue}, over the
 * tenant's weight, forgotten exponentially. The smallest users, as long as they have a small part of it together, are modest if
 * they came lately. So there is always somebody whose work goes on.
 */
final class RecentUse {
    /** Of what all tenants had, modest ones have so much at most. */
    private static final double MODEST_SHARE = 0.25;
    /** Also the time after which a past use counts an e-th. */
    static final long LATELY_NANOS = 10_000_000_000L;
    /** Of a weighted token. */
    private static final double FORGOTTEN = 1e-3;

    private final ToDoubleFunction<String> weights;
    private final Map<String, Double> used = new HashMap<>();
    private final Map<String, Long> visits = new HashMap<>();
    private long nowNanos;

    /** @param weights of callers */
    RecentUse(ToDoubleFunction<String> weights) {
        this.weights = weights;
    }

    /** A request that somebody waits for came. */
    void came(Sequence sequence) {
        visits.put(sequence.request().tenant(), sequence.timeline().arrival());
    }

    /** So late it is now. */
    void advance(long now) {
        double kept = Math.exp((double) (nowNanos - now) / LATELY_NANOS);
        used.replaceAll((tenant, tokens) -> tokens * kept);
        used.values().removeIf(tokens -> tokens < FORGOTTEN);
        visits.values().removeIf(at -> now - at > LATELY_NANOS);
        nowNanos = now;
    }

    /** These chunks run. Of answers the tokens count, as they come. */
    void run(List<Chunk> chunks) {
        for (Chunk chunk : chunks) {
            if (!chunk.sequence().decoding()) {
                add(chunk.sequence().request().caller(), chunk.tokens() * FairQueue.PROMPT_TOKEN);
            }
        }
    }

    /** A running request got a token, however many iterations that took. */
    void served(Sequence sequence) {
        add(sequence.request().caller(), FairQueue.ANSWER_TOKEN);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        add(caller, tokens * FairQueue.TRAINED_TOKEN);
    }

    private void add(String caller, double tokens) {
        used.merge(InferenceRequest.tenant(caller), tokens / weights.applyAsDouble(caller), Double::sum);
    }

    /** Who asks for little. */
    ModestTenants modest() {
        double most = MODEST_SHARE
                * used.values().stream().mapToDouble(tokens -> tokens).sum();
        List<String> smallestFirst = visits.keySet().stream()
                .sorted(Comparator.comparingDouble(this::used))
                .toList();
        Set<String> modest = new HashSet<>();
        double together = 0;
        for (String tenant : smallestFirst) {
            together += used(tenant);
            if (together >= most) {
                break;
            }
            modest.add(tenant);
        }
        return new ModestTenants(modest);
    }

    private double used(String tenant) {
        return used.getOrDefault(tenant, 0.0);
    }
}
