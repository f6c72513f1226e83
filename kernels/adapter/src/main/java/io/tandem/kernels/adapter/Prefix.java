package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Virtual tokens, which come before the tokens of every sequence. They take positions like others, and the KV cache holds
 * their keys and values; what an adapter has of them is what its kind says.
 */
public sealed interface Prefix permits Prompt, KeysAndValues {
    /** PEFT's name of their numbers, of whatever kind. */
    String EMBEDDINGS = "prompt_embeddings";

    /** How many there are. */
    int tokens();

    /** Numbers of each. */
    int width();

    /** Tokens that these are the same as at the start of training; without meaning afterwards. */
    int[] vocabulary();

    /** {@code [tokens, width]}, row by row; empty for what the model makes of the vocabulary, which only a device knows. */
    Optional<float[]> values();

    /** The same with other numbers. */
    Prefix with(float[] values);

    /** What the function of its kind makes of it. */
    <T> T match(Function<Prompt, T> prompt, Function<KeysAndValues, T> keys);

    /** Whether the numbers are still those of the vocabulary. */
    default boolean isFresh() {
        return values().isEmpty();
    }

    default Parameter parameter() {
        return new Parameter(EMBEDDINGS, tokens(), width(), values().orElseGet(() -> new float[tokens() * width()]));
    }

    default long numbers() {
        return (long) tokens() * width();
    }

    /** Frobenius norm of the numbers. */
    default double norm() {
        double squares = 0;
        for (float value : parameter().values()) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares);
    }

    /** @throws IllegalArgumentException if a number is not finite on a device of this type */
    default void requireFinite(Dtype dtype) {
        for (float value : values().orElseGet(() -> new float[0])) {
            if (!dtype.holds(value)) {
                throw new IllegalArgumentException(
                        "a virtual token has a number that is not finite with kernels.dtype " + dtype.label());
            }
        }
    }

    /** @throws IllegalArgumentException unless there are as many numbers, or tokens of the vocabulary, as it needs */
    static void requireComplete(int tokens, int width, int[] vocabulary, Optional<float[]> values) {
        if (tokens < 1) {
            throw new IllegalArgumentException(tokens + " virtual tokens, expected 1 or more");
        }
        long numbers = values.map(own -> (long) own.length).orElse((long) vocabulary.length * width);
        if (numbers != (long) tokens * width) {
            throw new IllegalArgumentException(
                    numbers + " numbers for " + tokens + " virtual tokens of " + width + " each");
        }
    }

    /** What stands for a virtual token among a sequence's tokens: less than any token of the vocabulary. */
    static int token(int index) {
        return -1 - index;
    }

    /** Which virtual token it is; negative if it is one of the vocabulary. */
    static int index(int token) {
        return -1 - token;
    }

    /** These tokens after so many virtual ones. */
    static int[] before(int virtual, int[] tokens) {
        return IntStream.concat(IntStream.range(0, virtual).map(Prefix::token), Arrays.stream(tokens))
                .toArray();
    }
}
