package io.tandem.kernels.adapter;

import io.tandem.kernels.model.TargetModule;
import java.util.Set;

/**
 * How an adapter of virtual keys and values was configured when it was made; PEFT's {@code PrefixTuningConfig} as far as it
 * applies.
 *
 * @param virtualTokens PEFT's {@code num_virtual_tokens}
 * @param baseModel PEFT's {@code base_model_name_or_path}; may be empty
 */
public record PrefixConfig(int virtualTokens, String baseModel) implements AdapterConfig {
    public PrefixConfig {
        if (virtualTokens < 1) {
            throw new IllegalArgumentException(virtualTokens + " virtual tokens, expected 1 or more");
        }
    }

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public Set<TargetModule> targets() {
        return Set.of();
    }
}
