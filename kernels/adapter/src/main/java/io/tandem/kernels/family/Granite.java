package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Scales;
import io.tandem.kernels.weights.JsonFields;

/** Granite 3: Llama with constant factors on embeddings, scores, what each block adds, and logits. */
final class Granite implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(2048, 0, 0, 1e-6, false);

    @Override
    public String architecture() {
        return "GraniteForCausalLM";
    }

    @Override
    public String modelType() {
        return "granite";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        JsonFields json = config.json();
        boolean attention = json.bool("attention_bias", false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .biases(new Biases(attention, attention, json.bool("mlp_bias", false)))
                .scales(new Scales(
                        factor(json, "embedding_multiplier"),
                        factor(json, "attention_multiplier"),
                        factor(json, "residual_multiplier"),
                        1 / factor(json, "logits_scaling"),
                        0,
                        0));
    }

    private static double factor(JsonFields json, String key) {
        return json.number(key, 1e-6, 1e6, 1);
    }
}
