package io.tandem.scheduler.plan;

import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The inference of an iteration. Decode rows come first: every running sequence gets its next token in every iteration.
 * Prompts follow in the order that they come in, in chunks, so that a long one delays nobody's next token by more than a
 * chunk.
 *
 * <p>A prompt that begins like an earlier one waits until that beginning has run, and gets a copy.
 *
 * <p>How large the chunks are is a choice between those who wait for their next token and those who wait for their
 * first. Nobody decodes: the chunks are as large as they may be. Otherwise they are what the latency model predicts to
 * fit beside the decode rows, unless a prompt would miss its target for the first token that way; then they are what it
 * takes to make it. A prompt whose first token is late already hurries nobody any more. Prompts of {@link ModestTenants}
 * are not cut for the answers of others, and have no others after them; {@link TenantDelay} bounds what else there is.
 */
final class InferencePlanner {
    /** Of a prompt whose log-probabilities are wanted: each row has logits over the whole vocabulary. */
    private static final int SCORED_ROWS = 64;

    private final SchedulerConfig config;
    private final LatencyModel latency;
    private final IterationBudget budget;
    private final TenantDelay delay;
    /** So many prompt tokens advance however long the decode rows take, so that no prompt waits for ever. */
    private final int leastPrefillRows;

    InferencePlanner(SchedulerConfig config, LatencyModel latency, TenantDelay delay) {
        this.config = config;
        this.latency = latency;
        this.budget = new IterationBudget(config.targets());
        this.delay = delay;
        this.leastPrefillRows = latency.freeRows();
    }

    /**
     * @param running in the order in which their prompts should run; {@link SpareTime} is for those that are best effort
     * @param maxRows of the iteration
     * @param share of the budget that prompts may fill up
     * @return a plan without a window
     */
    IterationPlan plan(List<Sequence> running, int maxRows, double share, ModestTenants modest, long nowNanos) {
        if (!delay.bounds(modest)) {
            return together(running, maxRows, share, modest, nowNanos);
        }
        // As they would be alone.
        List<Sequence> theirs = running.stream().filter(modest::have).toList();
        IterationPlan own = together(theirs, maxRows, share, ModestTenants.NONE, nowNanos);
        List<Sequence> others = running.stream()
                .filter(sequence -> !sequence.bestEffort() && !modest.have(sequence))
                .toList();
        return delay.fill(own, others, maxRows - own.features().rows(), modest);
    }

    private IterationPlan together(
            List<Sequence> running, int maxRows, double share, ModestTenants modest, long nowNanos) {
        long budgetNanos = (long) (share * budget.nanos(running, nowNanos));
        List<Chunk> chunks = new ArrayList<>();
        List<Sequence> waiting = new ArrayList<>();
        long context = 0;
        for (Sequence sequence : running) {
            if (sequence.bestEffort()) {
                continue;
            }
            if (!sequence.decoding()) {
                waiting.add(sequence);
            } else if (chunks.size() < maxRows) {
                chunks.add(Chunk.next(sequence, 1));
                context += sequence.computed() + 1;
            }
        }
        IterationFeatures decodes = IterationFeatures.decoding(chunks.size(), context);
        if (waiting.isEmpty()) {
            return new IterationPlan(chunks, Optional.empty(), decodes);
        }
        List<Sequence> prompts = leading(waiting);
        int most = Math.min(config.prefillChunkTokens(), maxRows - chunks.size());
        int hurried = Math.min(most, modest.rows(prompts));
        int rows = hurried > 0 ? hurried : prefillRows(prompts, decodes, most, budgetNanos, nowNanos);
        List<Chunk> prefill = cut(prompts, rows);
        chunks.addAll(prefill);
        return new IterationPlan(chunks, Optional.empty(), withPrefill(decodes, prefill));
    }

    /** Those that compute something which no earlier one is about to. */
    static List<Sequence> leading(List<Sequence> prompts) {
        List<Sequence> leading = new ArrayList<>();
        for (Sequence prompt : prompts) {
            if (leading.stream().noneMatch(before -> follows(prompt, before))) {
                leading.add(prompt);
            }
        }
        return leading;
    }

    /** Whether a prompt had better wait for what an earlier one is about to compute, which can then be copied. */
    private static boolean follows(Sequence prompt, Sequence before) {
        if (prompt.pending() <= Sequence.LEAST_SHARED || prompt.scoring() || before.scoring()) {
            return false;
        }
        int shared = prompt.shared(before);
        return shared > before.computed() && shared >= prompt.computed() + Sequence.LEAST_SHARED;
    }

    private int prefillRows(
            List<Sequence> prompts, IterationFeatures decodes, int most, long budgetNanos, long nowNanos) {
        if (decodes.decodeRows() == 0) {
            return most;
        }
        long fitting = LargestFit.find(
                leastPrefillRows,
                most,
                rows -> latency.predictNanos(withPrefill(decodes, cut(prompts, (int) rows))) <= budgetNanos);
        return (int) Math.max(fitting, Math.min(most, dueRows(prompts, nowNanos)));
    }

    /** Rows per iteration without which some prompt, all those before it included, misses its first token's target. */
    private long dueRows(List<Sequence> prompts, long nowNanos) {
        double due = 0;
        long before = 0;
        for (Sequence prompt : prompts) {
            before += prompt.pending();
            long left = prompt.timeline().arrival() + config.targets().ttftNanos() - nowNanos;
            if (prompt.generated() == 0 && left > 0) {
                double iterations = Math.max(1, (double) left / config.targets().tpotNanos());
                due = Math.max(due, before / iterations);
            }
        }
        return (long) Math.ceil(due);
    }

    /** The next tokens of the prompts, this many together; of each of them as many as the same adapters act on. */
    static List<Chunk> cut(List<Sequence> prompts, int rows) {
        List<Chunk> chunks = new ArrayList<>();
        int left = rows;
        for (Sequence prompt : prompts) {
            int most = prompt.pendingAlike();
            int tokens = Math.min(prompt.scoring() ? Math.min(most, SCORED_ROWS) : most, left);
            if (tokens == 0) {
                break;
            }
            chunks.add(Chunk.next(prompt, tokens));
            left -= tokens;
        }
        return chunks;
    }

    /** The same with more prompt tokens. */
    static IterationFeatures withPrefill(IterationFeatures features, List<Chunk> prefill) {
        int rows = 0;
        long context = 0;
        for (Chunk chunk : prefill) {
            rows += chunk.tokens();
            context += (long) chunk.tokens() * (chunk.sequence().computed() + chunk.tokens() / 2);
        }
        return features.withPrefill(rows, context);
    }
}
