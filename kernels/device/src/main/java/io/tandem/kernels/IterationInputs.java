package io.tandem.kernels;

import java.util.List;
import java.util.Optional;

/**
 * What one iteration carries. All rows, whoever they belong to, go through the same matrix products.
 *
 * @param segments inference rows: a decode is a segment of one token, a prefill chunk one of several
 * @param training fine-tuning windows, if any
 */
public record IterationInputs(List<Segment> segments, Optional<TrainingWork> training) {

    /** Adapter slots of rows that use the base model alone. */
    public static final int[] BASE = {};

    /**
     * Consecutive tokens of one sequence.
     *
     * @param kvSlot where the sequence's keys and values live
     * @param start position of the first token; everything before it is in the KV slot already
     * @param tokens at least one
     * @param adapterSlots adapters whose changes add up, each slot once; {@link #BASE} for none
     * @param sampling how to draw the token that follows the last one; absent if none is wanted yet
     */
    public record Segment(int kvSlot, int start, int[] tokens, int[] adapterSlots, Optional<Sampling> sampling) {}

    /**
     * One draw. The draw depends on nothing but this and the logits, never on who shares the batch.
     *
     * @param temperature 0 means greedy
     * @param topK keep this many of the most likely tokens; 0 means all
     * @param topP keep the smallest set of most likely tokens with at least this much probability; 1 means all
     * @param uniform in [0, 1), the random number of this draw
     * @param biasTokens tokens whose logits change (logit bias, presence and frequency penalties)
     * @param biasValues what is added to them
     * @param topLogprobs report log-probabilities of this many tokens; -1 means not even of the drawn one
     */
    public record Sampling(
            double temperature,
            int topK,
            double topP,
            double uniform,
            int[] biasTokens,
            float[] biasValues,
            int topLogprobs) {

        public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, new int[0], new float[0], -1);
    }

    /**
     * Windows of the current pack; forward runs before backward in the same iteration. Rows are counted as they are
     * processed: which tokens of which sequences come next is up to the device.
     *
     * @param forwardFrom first row of the forward window, absolute in the pack
     * @param forwardTo end of the forward window; equal to {@code forwardFrom} if there is none. Forward windows follow
     *     each other from row 0 to the end of the pack
     * @param backward in order: from the last layer to the first, inside a layer from the last row to row 0. The first
     *     one may run only when the whole pack has gone forward, and none if the pack only measures
     */
    public record TrainingWork(int forwardFrom, int forwardTo, List<BackwardWindow> backward) {}

    /** Rows {@code [from, to)} of one layer to differentiate. */
    public record BackwardWindow(int layer, int from, int to) {}
}
