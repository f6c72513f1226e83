package io.tandem.server.text;

import java.util.Arrays;
import java.util.BitSet;

/** Tokens of an example, and which of them the model is to say. */
final class LearnedText {
    private final BitSet learned = new BitSet();
    private int[] tokens = new int[256];
    private int size;

    void add(int[] more, boolean learn) {
        if (size + more.length > tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(2 * tokens.length, size + more.length));
        }
        System.arraycopy(more, 0, tokens, size, more.length);
        learned.set(size, size + more.length, learn);
        size += more.length;
    }

    int size() {
        return size;
    }

    int[] tokens() {
        return Arrays.copyOf(tokens, size);
    }

    boolean[] learned() {
        boolean[] flags = new boolean[size];
        learned.stream().forEach(at -> flags[at] = true);
        return flags;
    }
}
