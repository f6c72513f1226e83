package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Virtual tokens, which come before the tokens of every sequence and have embeddings of their own (prompt tuning, Lester et
 * al., 2021). They take positions like others, and the KV cache holds their keys and values.
 *
 * @param width numbers of an embedding
 * @param vocabulary tokens whose embeddings these are at the start of training; without meaning afterwards
 * @param embeddings {@code [tokens, width]}, row by row; empty for those of the vocabulary, which only a device knows
 */
public record Prefix(int tokens, int width, int[] vocabulary, Optional<float[]> embeddings) {
    /** PEFT's name of the embeddings. */
    public static final String EMBEDDINGS = "prompt_embeddings";

    public Prefix {
        if (tokens < 1) {
            throw new IllegalArgumentException(tokens + " virtual tokens, expected 1 or more");
        }
        int numbers = embeddings.map(values -> values.length).orElse(vocabulary.length * width);
        if (numbers != tokens * width) {
            throw new IllegalArgumentException(
                    numbers + " numbers for " + tokens + " virtual tokens of " + width + " each");
        }
    }

    /** Whose embeddings are known. */
    public static Prefix of(int tokens, int width, float[] embeddings) {
        return new Prefix(tokens, width, new int[0], Optional.of(embeddings));
    }

    /** Whose embeddings are those of tokens of the vocabulary. */
    public static Prefix fresh(int width, int[] vocabulary) {
        return new Prefix(vocabulary.length, width, vocabulary, Optional.empty());
    }

    /** Whether the embeddings are still those of the vocabulary. */
    public boolean isFresh() {
        return embeddings.isEmpty();
    }

    /** The same with other embeddings. */
    public Prefix with(float[] values) {
        return of(tokens, width, values);
    }

    public Parameter parameter() {
        return new Parameter(EMBEDDINGS, tokens, width, embeddings.orElseGet(() -> new float[tokens * width]));
    }

    /** Numbers of its embeddings. */
    public long numbers() {
        return (long) tokens * width;
    }

    /** Frobenius norm of the embeddings. */
    public double norm() {
        double squares = 0;
        for (float value : parameter().values()) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares);
    }

    void requireFinite(Dtype dtype) {
        for (float value : embeddings.orElseGet(() -> new float[0])) {
            if (!dtype.holds(value)) {
                throw new IllegalArgumentException(
                        "a virtual token has a number that is not finite with kernels.dtype " + dtype.label());
            }
        }
    }

    /** What stands for a virtual token among a sequence's tokens: less than any token of the vocabulary. */
    public static int token(int index) {
        return -1 - index;
    }

    /** Which virtual token it is; negative if it is one of the vocabulary. */
    public static int index(int token) {
        return -1 - token;
    }

    /** These tokens after so many virtual ones. */
    public static int[] before(int virtual, int[] tokens) {
        return IntStream.concat(IntStream.range(0, virtual).map(Prefix::token), Arrays.stream(tokens))
                .toArray();
    }
}
