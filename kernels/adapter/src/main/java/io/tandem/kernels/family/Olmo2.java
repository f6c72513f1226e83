package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;

/** OLMo 2: norms behind attention and MLP instead of before them, and one of all queries and of all keys. */
final class Olmo2 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(2048, 0, 0, 1e-5, false);

    @Override
    public String architecture() {
        return "Olmo2ForCausalLM";
    }

    @Override
    public String modelType() {
        return "olmo2";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        boolean bias = config.json().bool("attention_bias", false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .norms(new Norms(Norms.Kind.RMS, model.epsilon(), Norms.Placement.AFTER, Norms.QueryKey.PROJECTION))
                .biases(new Biases(bias, bias, false));
    }
}
