package io.tandem.kernels.adapter;

import java.util.Optional;
import java.util.function.Function;

/**
 * Virtual tokens with embeddings of their own (prompt tuning, Lester et al., 2021): they run like other tokens.
 *
 * @param width of an embedding
 * @param vocabulary tokens whose embeddings these are at the start
 * @param values the embeddings
 */
public record Prompt(int tokens, int width, int[] vocabulary, Optional<float[]> values) implements Prefix {
    public Prompt {
        Prefix.requireComplete(tokens, width, vocabulary, values);
    }

    /** Whose embeddings are known. */
    public static Prompt of(int tokens, int width, float[] embeddings) {
        return new Prompt(tokens, width, new int[0], Optional.of(embeddings));
    }

    /** Whose embeddings are those of tokens of the vocabulary. */
    public static Prompt fresh(int width, int[] vocabulary) {
        return new Prompt(vocabulary.length, width, vocabulary, Optional.empty());
    }

    @Override
    public Prompt with(float[] values) {
        return of(tokens, width, values);
    }

    @Override
    public <T> T match(Function<Prompt, T> prompt, Function<KeysAndValues, T> keys) {
        return prompt.apply(this);
    }
}
