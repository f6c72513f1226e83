package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.ModelConfig;
import java.util.stream.LongStream;

/** Activated LoRA (Greenewald et al., 2025): LoRA that acts from its invocation tokens on. */
public record AloraMethod(ActivatedConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "alora";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        Adapter lora = new LoraMethod(config.lora()).start(model, seed);
        return new Adapter(new ActivatedConfig(lora.lora(), config.tokens()), lora.modules());
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.lora().factors(model);
    }
}
