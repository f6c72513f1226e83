package io.tandem.kernels;

import io.tandem.kernels.adapter.Prefix;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What one iteration carries. All rows, whoever they belong to, go through the same matrix products.
 *
 * @param segments inference rows: a decode is a segment of one token, a prefill chunk one of several; so is a decode with a
 *     draft of the tokens after it
 * @param training rows of the current packs, if any
 * @param oneLoop whether each row goes through one loop of a recursive model only, the one after those that it has done
 *     (continuous depth-wise batching). Not for models with experts, and only if all segments are decode rows of which
 *     nothing but the next token is wanted, and nothing trains
 */
public record IterationInputs(List<Segment> segments, Optional<TrainingWork> training, boolean oneLoop) {

    /** All loops. */
    public IterationInputs(List<Segment> segments, Optional<TrainingWork> training) {
        this(segments, training, false);
    }

    /** Adapter slots of rows that use the base model alone. */
    public static final int[] BASE = {};

    /**
     * Consecutive tokens of one sequence.
     *
     * @param kvSlot where the sequence's keys and values live
     * @param start position of the first token; everything before it is in the KV slot already
     * @param tokens at least one; if its adapters have {@linkplain Prefix virtual tokens}, a sequence begins with these
     * @param adapterSlots adapters whose changes add up, each slot once; {@link #BASE} for none
     * @param samplings how to draw the tokens that follow the last ones, as many as are wanted: none for a chunk that the
     *     prompt goes on after, one for each token of a draft, and one otherwise
     * @param scoring what to say of the tokens themselves; absent if nothing
     * @param pooled whether the last token's hidden state is wanted
     * @param observed of how many of the last tokens {@linkplain IterationOutputs#observed layers' inputs} are wanted
     * @param exit which of its rows may leave a recursive model early; absent if none
     */
    public record Segment(
            int kvSlot,
            int start,
            int[] tokens,
            int[] adapterSlots,
            List<Sampling> samplings,
            Optional<Scoring> scoring,
            boolean pooled,
            int observed,
            Optional<EarlyExit> exit) {

        /** Its rows go through all layers. */
        public Segment(
                int kvSlot,
                int start,
                int[] tokens,
                int[] adapterSlots,
                List<Sampling> samplings,
                Optional<Scoring> scoring,
                boolean pooled,
                int observed) {
            this(kvSlot, start, tokens, adapterSlots, samplings, scoring, pooled, observed, Optional.empty());
        }

        /** Nothing is observed. */
        public Segment(
                int kvSlot,
                int start,
                int[] tokens,
                int[] adapterSlots,
                List<Sampling> samplings,
                Optional<Scoring> scoring,
                boolean pooled) {
            this(kvSlot, start, tokens, adapterSlots, samplings, scoring, pooled, 0);
        }

        public Segment(int kvSlot, int start, int[] tokens, int[] adapterSlots, Optional<Sampling> sampling) {
            this(kvSlot, start, tokens, adapterSlots, sampling.stream().toList(), Optional.empty(), false);
        }
    }

    /**
     * After how many loops of a recursive model (relaxed recursive transformers, Bae et al., arXiv 2410.20672) a segment's
     * rows leave. What a row leaves with is drawn from like the last layer's output, and later loops take their keys and
     * values of it (CALM, Schuster et al., arXiv 2207.07061).
     *
     * @param threshold a row leaves {@link #WHEN_SURE} after the first loop where the most likely of the tokens that may be
     *     drawn has this probability or a larger one, at a temperature of 1
     * @param loops of each token: {@link #NEVER}, {@link #WHEN_SURE}, which takes a sampling, or how many loops, at least 1
     *     and fewer than there are. Rows that are scored, pooled or observed never leave
     * @param done loops that the segment's only token has gone through in the iterations before, after which it {@linkplain
     *     IterationOutputs.Draw#goesOn() goes on}; 0 otherwise
     */
    public record EarlyExit(double threshold, int[] loops, int done) {
        /** All loops. */
        public static final int NEVER = 0;

        public static final int WHEN_SURE = -1;

        /** From the first loop on. */
        public EarlyExit(double threshold, int[] loops) {
            this(threshold, loops, 0);
        }

        /** Without the first tokens. */
        public EarlyExit after(int tokens) {
            return new EarlyExit(threshold, Arrays.copyOfRange(loops, tokens, loops.length), done);
        }

        /** Whether any row may leave, or goes on. */
        public boolean matters() {
            return done > 0 || Arrays.stream(loops).anyMatch(own -> own != NEVER);
        }
    }

    /**
     * Log-probabilities of tokens that are known already.
     *
     * @param first index of the segment's token that the first of them follows
     * @param next the tokens that follow this one and those behind it
     * @param topLogprobs report log-probabilities of this many tokens at each position
     */
    public record Scoring(int first, int[] next, int topLogprobs) {}

    /**
     * One draw. The draw depends on nothing but this and the logits, never on who shares the batch.
     *
     * @param temperature 0 means greedy
     * @param topK keep this many of the most likely tokens; 0 means all
     * @param topP keep the smallest set of most likely tokens with at least this much probability; 1 means all
     * @param minP drop tokens less likely than the most likely one by this factor, before top-k and top-p; 0 means none
     * @param uniform in [0, 1), the random number of this draw
     * @param repetition lowers the logits of tokens that were there before, before biases are added
     * @param biasTokens tokens whose logits change (logit bias, presence and frequency penalties)
     * @param biasValues what is added to them
     * @param topLogprobs report log-probabilities of this many tokens; -1 means not even of the drawn one
     * @param allowed the tokens that may be drawn, at least one of them: token t is bit t % 64 of word t / 64, in as many
     *     words as the vocabulary takes; absent if all may. Reported log-probabilities are those without this limit
     */
    public record Sampling(
            double temperature,
            int topK,
            double topP,
            double minP,
            double uniform,
            Repetition repetition,
            int[] biasTokens,
            float[] biasValues,
            int topLogprobs,
            Optional<long[]> allowed) {

        public static final Sampling GREEDY =
                new Sampling(0, 0, 1, 0, 0, Repetition.NONE, new int[0], new float[0], -1);

        /** Any token may be drawn. */
        public Sampling(
                double temperature,
                int topK,
                double topP,
                double minP,
                double uniform,
                Repetition repetition,
                int[] biasTokens,
                float[] biasValues,
                int topLogprobs) {
            this(
                    temperature,
                    topK,
                    topP,
                    minP,
                    uniform,
                    repetition,
                    biasTokens,
                    biasValues,
                    topLogprobs,
                    Optional.empty());
        }

        /** The same, of these tokens alone. */
        public Sampling among(long[] tokens) {
            return new Sampling(
                    temperature,
                    topK,
                    topP,
                    minP,
                    uniform,
                    repetition,
                    biasTokens,
                    biasValues,
                    topLogprobs,
                    Optional.of(tokens));
        }

        /** Words of {@link #allowed} for a vocabulary of this size. */
        public static int words(int vocab) {
            return (vocab + Long.SIZE - 1) / Long.SIZE;
        }
    }

    /**
     * Divides positive logits and multiplies negative ones (CTRL, Keskar et al., arXiv 1909.05858).
     *
     * @param tokens each once
     * @param penalty above 0; 1 changes nothing
     */
    public record Repetition(int[] tokens, double penalty) {
        public static final Repetition NONE = new Repetition(new int[0], 1);
    }

    /**
     * How much of the current packs runs, forward before backward. Which rows of which sequences come next, and in which
     * layers, is up to the device, which also knows {@linkplain DeviceModel#packProgress how much is left}.
     *
     * @param forwardRows rows that go forward
     * @param backwardRowLayers rows that go backward through one layer each. Some may run only in an iteration after which
     *     all rows have gone forward, and none if the packs only measure
     */
    public record TrainingWork(int forwardRows, long backwardRowLayers) {}
}
