package io.tandem.kernels.adapter;

import io.tandem.kernels.model.ModelConfig;
import java.util.Optional;
import java.util.function.Function;

/**
 * Virtual tokens of which every layer's attention has keys and values, and nothing else has anything (prefix tuning, Li
 * and Liang, 2021): they do not run.
 *
 * @param heads of keys
 * @param headDim numbers of a key
 * @param vocabulary tokens whose keys and values these are at the start
 * @param values of each token in the order of the layers: the keys of all heads as attention gets them, so already rotated,
 *     then the values
 */
public record KeysAndValues(int tokens, int layers, int heads, int headDim, int[] vocabulary, Optional<float[]> values)
        implements Prefix {
    public KeysAndValues {
        Prefix.requireComplete(tokens, width(layers, heads, headDim), vocabulary, values);
    }

    /** Whose numbers are known. */
    public static KeysAndValues of(ModelConfig model, int tokens, float[] values) {
        return new KeysAndValues(
                tokens, model.layers(), model.kvHeads(), model.headDim(), new int[0], Optional.of(values));
    }

    /** Which are those of a text of these tokens. */
    public static KeysAndValues fresh(ModelConfig model, int[] vocabulary) {
        return new KeysAndValues(
                vocabulary.length, model.layers(), model.kvHeads(), model.headDim(), vocabulary, Optional.empty());
    }

    /** Numbers of a token of this model. */
    public static int width(ModelConfig model) {
        return width(model.layers(), model.kvHeads(), model.headDim());
    }

    private static int width(int layers, int heads, int headDim) {
        return layers * 2 * heads * headDim;
    }

    @Override
    public int width() {
        return width(layers, heads, headDim);
    }

    @Override
    public KeysAndValues with(float[] other) {
        return new KeysAndValues(tokens, layers, heads, headDim, new int[0], Optional.of(other));
    }

    @Override
    public <T> T match(Function<Prompt, T> prompt, Function<KeysAndValues, T> keys) {
        return keys.apply(this);
    }
}
