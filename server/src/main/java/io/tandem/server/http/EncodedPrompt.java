package io.tandem.server.http;

import java.util.Arrays;

/**
 * A prompt as the engine takes it.
 *
 * @param tokens ids
 * @param echo what its answers begin with; empty unless asked for
 */
record EncodedPrompt(int[] tokens, String echo) {
    EncodedPrompt(int[] tokens) {
        this(tokens, "");
    }

    /** The same with its last tokens only. */
    EncodedPrompt last(int count) {
        int from = Math.max(0, tokens.length - count);
        return new EncodedPrompt(Arrays.copyOfRange(tokens, from, tokens.length), echo);
    }
}
