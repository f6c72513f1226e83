package io.tandem.kernels;

import java.util.List;

/**
 * What one iteration produced.
 *
 * @param draws one for each segment with a sampling, in the order of the segments
 * @param lossSum sum of the losses of the forward window's learned tokens, in nats
 * @param learnedTokens how many tokens that sum has
 */
public record IterationOutputs(List<Draw> draws, double lossSum, int learnedTokens) {

    /**
     * A drawn token.
     *
     * @param token its id; -1 if the logits were not finite, so that there was nothing to draw from
     * @param logprob natural logarithm of its probability, before temperature and filters; NaN if not asked for
     * @param topTokens the most likely tokens, most likely first; empty if not asked for
     * @param topLogprobs their log-probabilities
     */
    public record Draw(int token, float logprob, int[] topTokens, float[] topLogprobs) {}
}
