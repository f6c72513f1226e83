package io.tandem.kernels;

import java.util.Arrays;

/**
 * How well the sequences of a training pack were predicted, over their learned tokens.
 *
 * @param losses for each sequence the sum of its tokens' losses, in nats
 * @param mistakes for each sequence how many of its tokens were not the most likely one
 */
public record SequenceScores(double[] losses, int[] mistakes) {
    public static final SequenceScores NONE = zeros(0);

    /** Of sequences that have not been predicted yet. */
    public static SequenceScores zeros(int sequences) {
        return new SequenceScores(new double[sequences], new int[sequences]);
    }

    /** Adds the scores of other tokens of the same sequences, or none. */
    public void add(SequenceScores more) {
        for (int i = 0; i < more.losses.length; i++) {
            losses[i] += more.losses[i];
            mistakes[i] += more.mistakes[i];
        }
    }

    /** Adds the score of one token. */
    public void add(int sequence, double loss, boolean mistake) {
        losses[sequence] += loss;
        mistakes[sequence] += mistake ? 1 : 0;
    }

    public SequenceScores copyOfRange(int from, int to) {
        return new SequenceScores(Arrays.copyOfRange(losses, from, to), Arrays.copyOfRange(mistakes, from, to));
    }
}
