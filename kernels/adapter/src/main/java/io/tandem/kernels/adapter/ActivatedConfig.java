package io.tandem.kernels.adapter;

import io.tandem.kernels.model.TargetModule;
import java.util.Optional;
import java.util.Set;

/**
 * How an activated LoRA adapter was configured when it was made.
 *
 * @param lora all that it has in common with others
 * @param tokens PEFT's {@code alora_invocation_tokens}
 */
public record ActivatedConfig(LoraConfig lora, Invocation tokens) implements AdapterConfig {
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

    @Override
    public Optional<Invocation> invocation() {
        return Optional.of(tokens);
    }
}
