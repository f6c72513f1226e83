package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenConstraint.Next.OneOf;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A plan in the device's words. */
public final class PlanEncoder {
    /** Added to a logit whose token is not drawn unless nothing else may be. */
    private static final float UNLIKELY = -1e9f;

    private PlanEncoder() {}

    /** @param oneLoop as in {@link IterationInputs} */
    public static IterationInputs encode(IterationPlan plan, boolean oneLoop) {
        List<Segment> segments =
                plan.chunks().stream().map(PlanEncoder::segment).toList();
        return new IterationInputs(segments, plan.training(), oneLoop);
    }

    private static Segment segment(Chunk chunk) {
        Sequence sequence = chunk.sequence();
        boolean pooled = sequence.request().options().pooled();
        return new Segment(
                sequence.kvSlot(),
                sequence.computed(),
                concat(sequence.next(chunk.tokens()), chunk.draft()),
                sequence.actingSlots(),
                chunk.draws() && !pooled ? samplings(chunk) : List.of(),
                sequence.scoring(chunk.tokens()),
                chunk.draws() && pooled,
                sequence.observed(chunk.tokens()),
                sequence.exit(chunk.tokens(), chunk.draft().length));
    }

    private static int[] concat(int[] tokens, int[] draft) {
        int[] all = Arrays.copyOf(tokens, tokens.length + draft.length);
        System.arraycopy(draft, 0, all, tokens.length, draft.length);
        return all;
    }

    /** How the next token is drawn, and the one after each token of the draft if all of them up to it are right. */
    private static List<Sampling> samplings(Chunk chunk) {
        return IntStream.rangeClosed(0, chunk.draft().length)
                .mapToObj(count -> sampling(chunk.sequence(), Arrays.copyOf(chunk.draft(), count)))
                .toList();
    }

    private static Sampling sampling(Sequence sequence, int[] drafted) {
        int position = sequence.generated() + drafted.length;
        SamplingParams params = sequence.request().sampling();
        Penalties penalties = params.penalties();
        Map<Integer, Float> biases = new TreeMap<>(params.logitBias());
        sequence.penalized()
                .counts(drafted)
                .forEach((token, count) -> biases.merge(
                        token, (float) -(penalties.presence() + count * penalties.frequency()), Float::sum));
        StopRule stop = sequence.request().stop();
        if (position < stop.minTokens()) {
            stop.tokens().forEach(token -> biases.put(token, UNLIKELY));
        }
        int[] tokens = new int[biases.size()];
        float[] values = new float[biases.size()];
        int at = 0;
        for (Map.Entry<Integer, Float> bias : biases.entrySet()) {
            tokens[at] = bias.getKey();
            values[at++] = bias.getValue();
        }
        Sampling sampling = new Sampling(
                params.temperature(),
                params.topK(),
                params.topP(),
                params.minP(),
                uniform(params.seed(), position),
                penalties.repeats()
                        ? new Repetition(sequence.penalized().seen(drafted), penalties.repetition())
                        : Repetition.NONE,
                tokens,
                values,
                params.topLogprobs());
        return sequence.next().orElse(null) instanceof OneOf allowed ? sampling.among(allowed.tokens()) : sampling;
    }

    /**
     * The random number of one draw. It depends on the request's seed and the position alone, so a request that runs
     * again after a preemption draws the same (SplitMix64, Steele et al., 2014).
     */
    static double uniform(long seed, int position) {
        long z = seed + 0x9E3779B97F4A7C15L * (position + 1L);
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 11) * 0x1p-53;
    }
}
