package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.util.Arrays;
import java.util.BitSet;

/** The first tokens of an example, up to a limit, and which of them the model is to say. */
final class LearnedText {
    private final int maxTokens;
    private final BitSet learned = new BitSet();
    private int[] tokens = new int[256];
    private int size;
    private boolean cut;

    LearnedText(int maxTokens) {
        this.maxTokens = maxTokens;
    }

    /** Drops what is beyond the limit. */
    LearnedText add(int[] more, boolean learn) {
        int taken = Math.min(more.length, maxTokens - size);
        cut |= taken < more.length;
        if (size + taken > tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(2 * tokens.length, size + taken));
        }
        System.arraycopy(more, 0, tokens, size, taken);
        learned.set(size, size + taken, learn);
        size += taken;
        return this;
    }

    /** Whether something was dropped. */
    boolean isCut() {
        return cut;
    }

    /** Whether there is a label; the first token has nothing before it that it could be learned from. */
    boolean teaches() {
        return learned.nextSetBit(1) >= 0;
    }

    Sequence sequence() {
        int[] labels = new int[size];
        for (int t = 0; t < size; t++) {
            labels[t] = learned.get(t + 1) ? tokens[t + 1] : TrainingPack.IGNORED;
        }
        return new Sequence(Arrays.copyOf(tokens, size), labels);
    }
}
