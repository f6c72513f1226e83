package io.tandem.kernels.adapter;

import io.tandem.kernels.model.TargetModule;
import java.util.Set;

/**
 * How an adapter of virtual tokens was configured when it was made; PEFT's {@code PromptTuningConfig} as far as it applies.
 *
 * @param virtualTokens PEFT's {@code num_virtual_tokens}
 * @param baseModel PEFT's {@code base_model_name_or_path}; may be empty
 */
public record PromptConfig(int virtualTokens, String baseModel) implements AdapterConfig {
    public PromptConfig {
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
