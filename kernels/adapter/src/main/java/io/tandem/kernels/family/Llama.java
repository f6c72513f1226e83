package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;

/** Llama 1 to 3.x, and the many models that are published as one. */
final class Llama implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(2048, 0, 0, 1e-6, false);

    @Override
    public String architecture() {
        return "LlamaForCausalLM";
    }

    @Override
    public String modelType() {
        return "llama";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        boolean attention = config.json().bool("attention_bias", false);
        boolean mlp = config.json().bool("mlp_bias", false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .biases(new Biases(attention, attention, mlp));
    }
}
