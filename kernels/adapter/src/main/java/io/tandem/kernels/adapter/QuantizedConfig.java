package io.tandem.kernels.adapter;

import io.tandem.kernels.model.TargetModule;
import java.util.Set;

/**
 * How factors over weights that are quantized were configured.
 *
 * @param lora of the factors
 * @param bits of a weight, 4 or 8
 * @param groupSize inputs that share a step size
 */
public record QuantizedConfig(LoraConfig lora, int bits, int groupSize) implements AdapterConfig {
    public QuantizedConfig {
        if (bits != 4 && bits != 8) {
            throw new IllegalArgumentException("weights of " + bits + " bits, expected 4 or 8");
        }
        if (groupSize < 1) {
            throw new IllegalArgumentException("groups of " + groupSize + " inputs");
        }
    }

    @Override
    public int rank() {
        return lora.rank();
    }

    @Override
    public Set<TargetModule> targets() {
        return lora.targets();
    }

    @Override
    public Set<Integer> layers() {
        return lora.layers();
    }

    @Override
    public String baseModel() {
        return lora.baseModel();
    }
}
