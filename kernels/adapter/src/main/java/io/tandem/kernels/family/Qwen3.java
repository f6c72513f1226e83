package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;

/** Qwen 3: Llama with a norm of each head's queries and keys. */
final class Qwen3 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(32768, 32, 128, 1e-6, false);

    @Override
    public String architecture() {
        return "Qwen3ForCausalLM";
    }

    @Override
    public String modelType() {
        return "qwen3";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        boolean bias = config.json().bool("attention_bias", false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .attention(Qwen2.attention(config, model.layers()))
                .biases(new Biases(bias, bias, false))
                .queryKeyNorm(Norms.QueryKey.HEAD);
    }
}
