package io.tandem.kernels.adapter;

import io.tandem.kernels.model.TargetModule;
import java.util.Set;

/** That of an adapter with the factors of LoRA and something of its own. */
public sealed interface FactorConfig extends AdapterConfig permits ActivatedConfig, QuantizedConfig {
    /** All that it has in common with others. */
    LoraConfig lora();

    @Override
    default int rank() {
        return lora().rank();
    }

    @Override
    default Set<TargetModule> targets() {
        return lora().targets();
    }

    @Override
    default Set<Integer> layers() {
        return lora().layers();
    }

    @Override
    default String baseModel() {
        return lora().baseModel();
    }
}
