package io.tandem.kernels.model;

/**
 * Which linears of a layer have a bias.
 *
 * @param qkv the projections of queries, keys and values
 * @param output attention's output projection
 * @param mlp gate, up and down
 */
public record Biases(boolean qkv, boolean output, boolean mlp) {
    public static final Biases NONE = new Biases(false, false, false);
}
