package io.tandem.kernels;

import io.tandem.kernels.IterationInputs.EarlyExit;
import java.util.Arrays;
import java.util.List;

/**
 * What one iteration produced.
 *
 * @param draws one for each sampling, in the order of the segments and within each
 * @param scored for each segment with a scoring, in the order of the segments, one for each token
 * @param states the last token's hidden state behind the last norm, for each pooled segment, in the order of the segments
 * @param observed what each layer's attention and MLP got of the observed tokens, as their linears see it, {@code [tokens,
 *     layers, 2, hidden]}, for each segment that has some, in the order of the segments
 * @param scores of the training packs' sequences, pack by pack, over their learned tokens in the forward window; none
 *     without one
 * @param learnedTokens how many tokens those are together
 */
public record IterationOutputs(
        List<Draw> draws,
        List<List<Draw>> scored,
        List<float[]> states,
        List<float[]> observed,
        SequenceScores scores,
        int learnedTokens) {

    /** Of an iteration without rows. */
    public static final IterationOutputs NONE =
            new IterationOutputs(List.of(), List.of(), List.of(), SequenceScores.NONE, 0);

    /** Nothing was observed. */
    public IterationOutputs(
            List<Draw> draws, List<List<Draw>> scored, List<float[]> states, SequenceScores scores, int learnedTokens) {
        this(draws, scored, states, List.of(), scores, learnedTokens);
    }

    /** Sum over the sequences. */
    public double lossSum() {
        return Arrays.stream(scores.losses()).sum();
    }

    /**
     * A drawn token, or a known one that was scored.
     *
     * @param token its id; -1 if the logits were not finite, so that there was nothing to draw from
     * @param logprob natural logarithm of its probability, before temperature and filters; NaN if not asked for
     * @param topTokens the most likely tokens, most likely first; empty if not asked for
     * @param topLogprobs their log-probabilities
     * @param loops after how many loops of a recursive model its row left; 0 if it went through all layers
     */
    public record Draw(int token, float logprob, int[] topTokens, float[] topLogprobs, int loops) {
        private static final int NOT_YET = -2;

        /** After all layers. */
        public Draw(int token, float logprob, int[] topTokens, float[] topLogprobs) {
            this(token, logprob, topTokens, topLogprobs, 0);
        }

        /** What comes of a row that has gone through so many loops, and goes on in another iteration. */
        public static Draw goingOn(int loops) {
            return new Draw(NOT_YET, Float.NaN, new int[0], new float[0], loops);
        }

        /** Whether nothing is drawn yet: the row has to come back with the loops that it has done. */
        public boolean goesOn() {
            return token == NOT_YET;
        }

        /** Whether its row did not go through all layers. */
        public boolean leftEarly() {
            return loops != EarlyExit.NEVER;
        }

        /** The same after so many loops. */
        public Draw after(int count) {
            return new Draw(token, logprob, topTokens, topLogprobs, count);
        }
    }
}
