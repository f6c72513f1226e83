package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.ModelConfig;

/** Phi 3, 3.5, 4 and 4-mini: Llama with fused linears; a part of each head may stay without position. */
final class Phi3 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(4096, 0, 0, 1e-5, false);

    @Override
    public String architecture() {
        return "Phi3ForCausalLM";
    }

    @Override
    public String modelType() {
        return "phi3";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        config.refuse("attention_bias");
        ModelConfig.Builder model = config.decoder(SILENT);
        // Files of 2024 say yarn and mean longrope, which transformers replaces too.
        new RopeFields(config, model.headDim(), config.positions(SILENT))
                .calling("yarn", "longrope")
                .into(model, 10_000, 1, false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .window(config.window(0))
                .fused();
    }
}
