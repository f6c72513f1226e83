package io.tandem.scheduler.plan;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.Comparator;
import java.util.List;

/**
 * Short iterations for {@link ModestTenants}. Whoever of them comes waits for the iteration under way, so as long as there are
 * any, the work of others fills an iteration up to {@link Targets#delayMillis} only. The iteration that gives the first token
 * has nothing of others. So that is the most that others add to it, as far as the latency model predicts well and one of their
 * answers and a few tokens of their prompts fit, which go on in any case.
 *
 * <p>Answers of others then get their tokens in turns, those first that have waited longest, and share the time with their
 * prompts. Their work waits for a while but not for ever: modest tenants are those that take a small part of the device.
 */
final class TenantDelay {
    /** An iteration may last so many times as long as the shortest there is, else a slow device would do nothing else. */
    private static final double SHORTEST = 1.5;

    private final Targets targets;
    private final LatencyModel latency;
    private final SpareTime spare;

    TenantDelay(Targets targets, LatencyModel latency, SpareTime spare) {
        this.targets = targets;
        this.latency = latency;
        this.spare = spare;
    }

    boolean bounds(ModestTenants modest) {
        return modest.bound(targets);
    }

    /** How long an iteration may last. */
    long limitNanos(ModestTenants modest) {
        if (!bounds(modest)) {
            return Long.MAX_VALUE;
        }
        long shortest = latency.predictNanos(IterationFeatures.decoding(1, 1));
        return Math.max(targets.delayNanos(), (long) (SHORTEST * shortest));
    }

    /** How long one with drafts of what follows may last; those of modest tenants' own answers are not bounded. */
    long limitNanos(IterationPlan plan, ModestTenants modest) {
        boolean own = plan.chunks().stream().allMatch(chunk -> modest.have(chunk.sequence()));
        return own ? Long.MAX_VALUE : limitNanos(modest);
    }

    /** Whether an iteration gives a first token that nothing of others should delay. */
    boolean hurries(IterationPlan plan, ModestTenants modest) {
        return bounds(modest)
                && plan.chunks().stream()
                        .anyMatch(chunk ->
                                chunk.draws() && chunk.sequence().generated() == 0 && modest.have(chunk.sequence()));
    }

    /**
     * The plan with what fits of others.
     *
     * @param own plan of the modest tenants' sequences
     * @param others in the order in which their prompts should run
     * @param rows that the iteration has left
     */
    IterationPlan fill(IterationPlan own, List<Sequence> others, int rows, ModestTenants modest) {
        if (hurries(own, modest)) {
            return own;
        }
        long aloneNanos = latency.predictNanos(own.features());
        long limitNanos = limitNanos(modest);
        // Beside a prompt of many iterations others go on, if slowly.
        long mostNanos = own.empty() ? limitNanos : Math.max(limitNanos, aloneNanos + limitNanos / 2);
        List<Sequence> decoding = others.stream()
                .filter(Sequence::decoding)
                .sorted(Comparator.comparingLong(sequence -> sequence.timeline().lastEvent()))
                .toList();
        List<Sequence> prompts =
                others.stream().filter(sequence -> !sequence.decoding()).toList();
        long decodeNanos = prompts.isEmpty() ? mostNanos : own.empty() ? mostNanos / 2 : (aloneNanos + mostNanos) / 2;
        // One that never fits would have to wait for as long as there are modest tenants, and so would all behind it.
        IterationPlan decoded = spare.fill(own, decoding, rows, decodeNanos, true);
        int left = rows - decoded.features().rows() + own.features().rows();
        IterationPlan all = spare.fill(decoded, prompts, left, mostNanos);
        boolean stuck = all.features().prefillRows() == own.features().prefillRows();
        return stuck ? spare.fill(decoded, prompts, left, mostNanos, true) : all;
    }
}
