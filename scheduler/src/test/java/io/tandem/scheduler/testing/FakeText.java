package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationOutputs.Draw;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** The next tokens on a {@link FakeDevice}: hashes of what came before. */
final class FakeText {
    private static final int SUCCESSORS = 23;

    private final int vocab;
    private int surprises = 1;

    FakeText(int vocab) {
        this.vocab = vocab;
    }

    void surpriseEvery(int tokens) {
        surprises = tokens;
    }

    static List<Draw> known(Scoring scoring) {
        return Arrays.stream(scoring.next())
                .mapToObj(token -> new Draw(token, -token, new int[0], new float[0]))
                .toList();
    }

    Draw draw(long state, int last, Sampling sampling) {
        long mixed = sampling.temperature() == 0 ? state : state + (long) (sampling.uniform() * 1e15);
        long hash = mixed * 0xBF58476D1CE4E5B9L;
        boolean surprise = Math.floorMod(hash >>> 40, surprises) == 0;
        int token = surprise ? (int) Math.floorMod(hash >>> 20, (long) vocab) : (7 * last + 1) % SUCCESSORS;
        int drawn = sampling.allowed().map(bits -> nearest(bits, token)).orElse(token);
        return new Draw(drawn, Float.NaN, new int[0], new float[0]);
    }

    private int nearest(long[] allowed, int token) {
        BitSet bits = BitSet.valueOf(allowed);
        require(bits.length() > 0 && bits.length() <= vocab, "the allowed tokens are not in the vocabulary");
        int next = bits.nextSetBit(token);
        return next < 0 ? bits.nextSetBit(0) : next;
    }
}
