package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.ModelConfig;

/** Mistral 7B and its successors: Llama with a sliding window in every layer. */
final class Mistral implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(4096 * 32, 8, 0, 1e-6, false);

    @Override
    public String architecture() {
        return "MistralForCausalLM";
    }

    @Override
    public String modelType() {
        return "mistral";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .window(config.window(4096));
    }
}
