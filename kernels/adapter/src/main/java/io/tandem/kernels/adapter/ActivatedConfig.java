package io.tandem.kernels.adapter;

import java.util.Optional;

/**
 * How an activated LoRA adapter was configured when it was made.
 *
 * @param lora all that it has in common with others
 * @param tokens PEFT's {@code alora_invocation_tokens}
 */
public record ActivatedConfig(LoraConfig lora, Invocation tokens) implements FactorConfig {
    @Override
    public Optional<Invocation> invocation() {
        return Optional.of(tokens);
    }
}
