package io.tandem.kernels;

import java.util.Arrays;
import java.util.List;

/**
 * What one iteration produced.
 *
 * @param draws one for each segment with a sampling, in the order of the segments
 * @param sequenceLosses for each sequence of the training pack the sum of the losses of its learned tokens in the
 *     forward window, in nats; empty without a forward window
 * @param learnedTokens how many tokens those sums have together
 */
public record IterationOutputs(List<Draw> draws, double[] sequenceLosses, int learnedTokens) {

    /** Sum over the sequences. */
    public double lossSum() {
        return Arrays.stream(sequenceLosses).sum();
    }

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
