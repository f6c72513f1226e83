package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * The rows of one iteration whose logits are wanted, as {@code sample.py} wants them: those of known tokens that are
 * scored, segment by segment, and those of draws.
 */
final class SamplingRows {
    /** Numbers of {@code options} for each draw. */
    private static final int OPTIONS = 5;

    /** Rows of the batch, in the order in which they are reported. */
    final List<Integer> wanted = new ArrayList<>();

    /** Numbers of the draws from all tokens, and of those from the most likely ones; the others are greedy. */
    final List<Integer> plain = new ArrayList<>();

    final List<Integer> filtered = new ArrayList<>();

    /** Numbers of the wanted rows that are not drawn, and the tokens that they report. */
    final List<Integer> scored = new ArrayList<>();

    final List<Integer> scoredTokens = new ArrayList<>();

    /** Rows of the batch whose hidden state is wanted. */
    final List<Integer> pooled = new ArrayList<>();

    final float[] options;
    final long[] biasAt;
    final float[] bias;
    final long[] repeatedAt;
    final float[] repeated;

    /** Numbers of the draws that are limited to some tokens, and those tokens as bits, draw after draw. */
    final List<Integer> limited = new ArrayList<>();

    final long[] allowed;
    /** Most log-probabilities that a row asks for; -1 if none asks for any. */
    final int top;

    private final List<Sampling> samplings = new ArrayList<>();

    SamplingRows(List<Segment> segments, int[] lastRows, int vocab) {
        for (int i = 0; i < segments.size(); i++) {
            Segment segment = segments.get(i);
            int first = lastRows[i] + 1 - segment.tokens().length;
            segment.scoring().ifPresent(scoring -> want(scoring, first));
            if (segment.pooled()) {
                pooled.add(lastRows[i]);
            }
            int drawn = lastRows[i] + 1 - segment.samplings().size();
            for (Sampling sampling : segment.samplings()) {
                wanted.add(drawn++);
                samplings.add(sampling);
            }
        }
        options = new float[OPTIONS * samplings.size()];
        for (int i = 0; i < samplings.size(); i++) {
            sort(i, samplings.get(i), vocab);
        }
        biasAt = places(sampling -> sampling.biasTokens().length, Sampling::biasTokens);
        bias = new float[biasAt.length / 2];
        repeatedAt = places(
                sampling -> sampling.repetition().tokens().length,
                sampling -> sampling.repetition().tokens());
        repeated = new float[repeatedAt.length / 2];
        fill();
        allowed = allowed(Sampling.words(vocab));
        top = Math.min(
                vocab, samplings.stream().mapToInt(Sampling::topLogprobs).max().orElse(-1));
    }

    /** A scored row is a draw whose token is given. */
    private void want(Scoring scoring, int first) {
        for (int i = 0; i < scoring.next().length; i++) {
            scored.add(wanted.size());
            scoredTokens.add(scoring.next()[i]);
            wanted.add(first + scoring.first() + i);
            samplings.add(scores(scoring.topLogprobs()));
        }
    }

    private static Sampling scores(int topLogprobs) {
        Sampling greedy = Sampling.GREEDY;
        return new Sampling(0, 0, 1, 0, 0, greedy.repetition(), greedy.biasTokens(), greedy.biasValues(), topLogprobs);
    }

    private void sort(int row, Sampling sampling, int vocab) {
        boolean all = sampling.topK() <= 0 && sampling.topP() >= 1 && sampling.minP() <= 0;
        if (sampling.temperature() != 0) {
            (all ? plain : filtered).add(row);
        }
        options[OPTIONS * row] = (float) Math.max(sampling.temperature(), 1e-6);
        options[OPTIONS * row + 1] = sampling.topK() <= 0 ? vocab : sampling.topK();
        // Rounding may bring the sum of probabilities to 1 before the last token; 1 means all of them.
        options[OPTIONS * row + 2] = sampling.topP() >= 1 ? 2 : (float) sampling.topP();
        options[OPTIONS * row + 3] = (float) sampling.uniform();
        options[OPTIONS * row + 4] = (float) sampling.minP();
    }

    private interface Tokens {
        int[] of(Sampling sampling);
    }

    /** Rows of the tokens, then the tokens. */
    private long[] places(ToIntFunction<Sampling> count, Tokens tokens) {
        int all = samplings.stream().mapToInt(count).sum();
        long[] places = new long[2 * all];
        int at = 0;
        for (int row = 0; row < samplings.size(); row++) {
            for (int token : tokens.of(samplings.get(row))) {
                places[at] = row;
                places[all + at++] = token;
            }
        }
        return places;
    }

    private void fill() {
        int biasAt = 0;
        int repeatedAt = 0;
        for (Sampling sampling : samplings) {
            float[] values = sampling.biasValues();
            System.arraycopy(values, 0, bias, biasAt, values.length);
            biasAt += values.length;
            Repetition repetition = sampling.repetition();
            int end = repeatedAt + repetition.tokens().length;
            Arrays.fill(repeated, repeatedAt, end, (float) repetition.penalty());
            repeatedAt = end;
        }
    }

    private long[] allowed(int words) {
        for (int row = 0; row < samplings.size(); row++) {
            if (samplings.get(row).allowed().isPresent()) {
                limited.add(row);
            }
        }
        long[] all = new long[limited.size() * words];
        for (int i = 0; i < limited.size(); i++) {
            long[] own = samplings.get(limited.get(i)).allowed().orElseThrow();
            System.arraycopy(own, 0, all, i * words, words);
        }
        return all;
    }

    Sampling sampling(int row) {
        return samplings.get(row);
    }

    static long[] indices(List<Integer> values) {
        return values.stream().mapToLong(i -> i).toArray();
    }
}
