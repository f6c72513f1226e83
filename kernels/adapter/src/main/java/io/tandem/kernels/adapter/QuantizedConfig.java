package io.tandem.kernels.adapter;

/**
 * How factors over weights that are quantized were configured.
 *
 * @param lora of the factors
 * @param bits of a weight, 4 or 8
 * @param groupSize inputs that share a step size
 */
public record QuantizedConfig(LoraConfig lora, int bits, int groupSize) implements FactorConfig {
    public QuantizedConfig {
        if (bits != 4 && bits != 8) {
            throw new IllegalArgumentException("weights of " + bits + " bits, expected 4 or 8");
        }
        if (groupSize < 1) {
            throw new IllegalArgumentException("groups of " + groupSize + " inputs");
        }
    }
}
