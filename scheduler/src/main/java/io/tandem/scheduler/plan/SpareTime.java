package io.tandem.scheduler.plan;

import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Sequences that make way for others in an iteration, best-effort ones for example: as many decode rows, then as many prompt
 * tokens, as the latency model predicts to fit into a limit that the others have left. Without others there is nobody to
 * delay, so they advance whatever the limit says.
 */
final class SpareTime {
    private final LatencyModel latency;
    private final int prefillChunkTokens;

    /** @param prefillChunkTokens most prompt tokens of one iteration */
    SpareTime(LatencyModel latency, int prefillChunkTokens) {
        this.latency = latency;
        this.prefillChunkTokens = prefillChunkTokens;
    }

    /**
     * The plan with what fits of the sequences.
     *
     * @param plan of the others, without a window
     * @param sequences in the order in which they should run
     * @param rows that the iteration has left
     * @param limitNanos for the whole iteration
     */
    IterationPlan fill(IterationPlan plan, List<Sequence> sequences, int rows, long limitNanos) {
        return fill(plan, sequences, rows, limitNanos, plan.empty());
    }

    /** @param anyway whether one of the sequences at least advances whatever the limit says */
    IterationPlan fill(IterationPlan plan, List<Sequence> sequences, int rows, long limitNanos, boolean anyway) {
        List<Sequence> decoding = sequences.stream().filter(Sequence::decoding).toList();
        List<Sequence> prompts = InferencePlanner.leading(
                sequences.stream().filter(sequence -> !sequence.decoding()).toList());
        int decodes = (int) LargestFit.find(
                anyway ? 1 : 0,
                Math.min(decoding.size(), rows),
                count -> fits(join(plan, decoding.subList(0, (int) count), List.of()), limitNanos));
        IterationPlan decoded = join(plan, decoding.subList(0, decodes), List.of());
        int most = Math.min(prefillChunkTokens - plan.features().prefillRows(), rows - decodes);
        int prefill = (int) LargestFit.find(
                anyway && decodes == 0 ? Math.max(1, latency.freeRows()) : 0,
                Math.max(0, most),
                count -> fits(join(decoded, List.of(), InferencePlanner.cut(prompts, (int) count)), limitNanos));
        return join(decoded, List.of(), InferencePlanner.cut(prompts, prefill));
    }

    private boolean fits(IterationPlan plan, long limitNanos) {
        return latency.predictNanos(plan.features()) <= limitNanos;
    }

    private static IterationPlan join(IterationPlan plan, List<Sequence> decoding, List<Chunk> prefill) {
        IterationFeatures before = plan.features();
        List<Chunk> chunks = new ArrayList<>(plan.chunks());
        // Decode rows come before prompts.
        chunks.addAll(
                before.decodeRows(),
                decoding.stream().map(sequence -> Chunk.next(sequence, 1)).toList());
        chunks.addAll(prefill);
        long context = decoding.stream()
                .mapToLong(sequence -> sequence.computed() + 1L)
                .sum();
        IterationFeatures all = IterationFeatures.decoding(
                        before.decodeRows() + decoding.size(), before.decodeContext() + context)
                .withPrefill(before.prefillRows(), before.prefillContext());
        return new IterationPlan(chunks, Optional.empty(), InferencePlanner.withPrefill(all, prefill));
    }
}
