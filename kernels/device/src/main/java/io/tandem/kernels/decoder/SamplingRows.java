package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import java.util.ArrayList;
import java.util.List;

/** The draws of one iteration, as {@code sample.py} wants them. */
final class SamplingRows {
    /** Rows whose next token is drawn, in the order of the segments. */
    final List<Integer> wanted = new ArrayList<>();

    /** Numbers of the draws from all tokens, and of those from the most likely ones; the others are greedy. */
    final List<Integer> plain = new ArrayList<>();

    final List<Integer> filtered = new ArrayList<>();
    final float[] options;
    final long[] biasAt;
    final float[] bias;
    /** Most log-probabilities that a draw asks for; -1 if none asks for any. */
    final int top;

    private final List<Sampling> samplings = new ArrayList<>();

    SamplingRows(List<Segment> segments, int[] lastRows, int vocab) {
        for (int i = 0; i < segments.size(); i++) {
            Segment segment = segments.get(i);
            if (segment.sampling().isPresent()) {
                wanted.add(lastRows[i]);
                samplings.add(segment.sampling().get());
            }
        }
        options = new float[4 * samplings.size()];
        for (int i = 0; i < samplings.size(); i++) {
            sort(i, samplings.get(i), vocab);
        }
        int biases = samplings.stream().mapToInt(s -> s.biasTokens().length).sum();
        biasAt = new long[2 * biases];
        bias = new float[biases];
        putBiases(biases);
        top = Math.min(
                vocab, samplings.stream().mapToInt(Sampling::topLogprobs).max().orElse(-1));
    }

    private void sort(int row, Sampling sampling, int vocab) {
        boolean all = sampling.topK() <= 0 && sampling.topP() >= 1;
        if (sampling.temperature() != 0) {
            (all ? plain : filtered).add(row);
        }
        options[4 * row] = (float) Math.max(sampling.temperature(), 1e-6);
        options[4 * row + 1] = sampling.topK() <= 0 ? vocab : sampling.topK();
        // Rounding may bring the sum of probabilities to 1 before the last token; 1 means all of them.
        options[4 * row + 2] = sampling.topP() >= 1 ? 2 : (float) sampling.topP();
        options[4 * row + 3] = (float) sampling.uniform();
    }

    private void putBiases(int biases) {
        int at = 0;
        for (int row = 0; row < samplings.size(); row++) {
            Sampling sampling = samplings.get(row);
            for (int i = 0; i < sampling.biasTokens().length; i++, at++) {
                biasAt[at] = row;
                biasAt[biases + at] = sampling.biasTokens()[i];
                bias[at] = sampling.biasValues()[i];
            }
        }
    }

    Sampling sampling(int row) {
        return samplings.get(row);
    }

    static long[] indices(List<Integer> values) {
        return values.stream().mapToLong(i -> i).toArray();
    }
}
