package io.tandem.scheduler.plan;

import io.tandem.scheduler.inference.Draft;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which answers run a draft of their next tokens, and how long a one. A draft must shorten the time per token: what the
 * decode rows add to the iteration, by the latency model, over the tokens that they are expected to give. So whatever
 * else is in the iteration, a fine-tuning window say, gets more of the device for each token of an answer, not less.
 *
 * <p>Drafts take what is left of the budget. If the decode rows alone exceed it, fewer iterations are the only way back:
 * then drafts may exceed it too, as long as every answer gets its tokens sooner.
 *
 * <p>What drafts cost is learned from drafts alone. If they seem to cost more than they save, because the first ones were
 * slow, one token is drafted all the same now and then, so that the latency model learns when they have become cheap.
 */
final class DraftPlanner {
    /** What trials may cost, of the time of the iterations without a draft. */
    private static final double TRIAL_SHARE = 0.01;

    private final LatencyModel latency;
    /** Since the last draft, the time of iterations in which none seemed to pay. */
    private long withoutNanos;

    DraftPlanner(LatencyModel latency) {
        this.latency = latency;
    }

    /** What has been chosen so far. */
    private record Choice(IterationFeatures all, int[] lengths, double tokens, double nanos) {
        double perToken() {
            return nanos / tokens;
        }
    }

    /**
     * Adds drafts to an iteration.
     *
     * @param plan of the inference
     * @param all the same with what else will be in the iteration
     * @param room for tokens of drafts
     * @param budgetNanos for the inference
     * @return the same plan if there is no draft worth running
     */
    IterationPlan add(IterationPlan plan, IterationFeatures all, int room, long budgetNanos) {
        List<Draft> drafts = plan.chunks().stream()
                .map(chunk -> chunk.draws() ? chunk.sequence().draft() : Draft.NONE)
                .toList();
        if (drafts.stream().allMatch(draft -> draft.tokens().length == 0)) {
            return plan;
        }
        boolean late = latency.predictNanos(plan.features()) > budgetNanos;
        Choice choice = choose(plan, drafts, all, room, late ? Long.MAX_VALUE : budgetNanos);
        if (choice.all.draftRows() > 0 && (!late || allGain(plan, drafts, choice))) {
            withoutNanos = 0;
            return join(plan, drafts, choice.lengths);
        }
        boolean dear = !late
                && room > 0
                && choose(plan, drafts, all, room, Long.MAX_VALUE).all.draftRows() == 0;
        return dear ? tried(plan, drafts, all) : plan;
    }

    /** With one token of the likeliest draft, if that is due. */
    private IterationPlan tried(IterationPlan plan, List<Draft> drafts, IterationFeatures all) {
        int likeliest = likeliestFirst(drafts).get(0);
        long context = plan.chunks().get(likeliest).sequence().computed();
        long nanos = latency.predictNanos(all);
        withoutNanos += nanos;
        if (latency.predictNanos(all.withDraft(1, context)) - nanos > TRIAL_SHARE * withoutNanos) {
            return plan;
        }
        withoutNanos = 0;
        int[] lengths = new int[drafts.size()];
        lengths[likeliest] = 1;
        return join(plan, drafts, lengths);
    }

    private static List<Integer> likeliestFirst(List<Draft> drafts) {
        return IntStream.range(0, drafts.size())
                .boxed()
                .sorted(Comparator.comparingDouble(index -> -drafts.get(index).first()))
                .toList();
    }

    private Choice choose(IterationPlan plan, List<Draft> drafts, IterationFeatures all, int room, long budgetNanos) {
        IterationFeatures others = all.withoutDecodes();
        // An iteration with something else in it would take place anyway.
        double othersNanos = others.rows() + others.backwardRowLayers() > 0 ? latency.predictNanos(others) : 0;
        Choice best =
                new Choice(all, new int[drafts.size()], all.decodeRows(), latency.predictNanos(all) - othersNanos);
        for (int index : likeliestFirst(drafts)) {
            Draft draft = drafts.get(index);
            Choice before = best;
            int most = Math.min(draft.tokens().length, room - before.all.draftRows());
            long context = plan.chunks().get(index).sequence().computed();
            for (int rows = 1; rows <= most; rows++) {
                IterationFeatures more = before.all.withDraft(rows, rows * context);
                double nanos = latency.predictNanos(more) - othersNanos;
                double tokens = before.tokens + draft.expected(rows);
                if (nanos / tokens < best.perToken() && latency.predictNanos(more.withoutWindow()) <= budgetNanos) {
                    int[] lengths = before.lengths.clone();
                    lengths[index] = rows;
                    best = new Choice(more, lengths, tokens, nanos);
                }
            }
        }
        return best;
    }

    /** Whether each decoding sequence gets so many more tokens that its time per token falls, too. */
    private boolean allGain(IterationPlan plan, List<Draft> drafts, Choice choice) {
        double before = latency.predictNanos(plan.features());
        double after = latency.predictNanos(choice.all.withoutWindow());
        return IntStream.range(0, drafts.size())
                .filter(index -> plan.chunks().get(index).sequence().decoding())
                .allMatch(index -> after <= before * (1 + drafts.get(index).expected(choice.lengths[index])));
    }

    private static IterationPlan join(IterationPlan plan, List<Draft> drafts, int[] lengths) {
        List<Chunk> chunks = new ArrayList<>();
        IterationFeatures features = plan.features();
        for (int i = 0; i < lengths.length; i++) {
            Chunk chunk = plan.chunks().get(i);
            if (lengths[i] > 0) {
                chunk = chunk.with(Arrays.copyOf(drafts.get(i).tokens(), lengths[i]));
                features = features.withDraft(
                        lengths[i], lengths[i] * (long) chunk.sequence().computed());
            }
            chunks.add(chunk);
        }
        return new IterationPlan(chunks, plan.training(), features);
    }
}
