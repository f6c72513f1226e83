package io.tandem.kernels.adapter;

import java.util.List;

/**
 * Tokens from which on an adapter acts; on all before them the base model runs without it (activated LoRA, Greenewald et
 * al., 2025). Where a text has them several times, the last time counts.
 *
 * @param tokens of the vocabulary, at least one
 */
public record Invocation(List<Integer> tokens) {
    /** Where the adapter never acts. */
    public static final int NEVER = Integer.MAX_VALUE;

    public Invocation {
        tokens = List.copyOf(tokens);
        if (tokens.isEmpty()) {
            throw new IllegalArgumentException("an invocation has at least one token");
        }
    }

    /** The first of a text's tokens that the adapter acts on, if the invocation is among the first {@code length}. */
    public int start(int[] text, int length) {
        for (int start = length - tokens.size(); start >= 0; start--) {
            if (isAt(text, start)) {
                return start;
            }
        }
        return NEVER;
    }

    private boolean isAt(int[] text, int start) {
        for (int i = 0; i < tokens.size(); i++) {
            if (text[start + i] != tokens.get(i)) {
                return false;
            }
        }
        return true;
    }
}
