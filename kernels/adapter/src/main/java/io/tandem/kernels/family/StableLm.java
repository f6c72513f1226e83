package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;

/** StableLM 3B and StableLM 2 1.6B: layer norms, and positions in a quarter of each head. */
final class StableLm implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(4096, 32, 0, 1e-6, false);

    @Override
    public String architecture() {
        return "StableLmForCausalLM";
    }

    @Override
    public String modelType() {
        return "stablelm";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        // Both are what StableLM 2 12B has.
        config.refuse("use_parallel_residual");
        config.refuse("qk_layernorm");
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 0.25, false);
        double epsilon = config.json().number("layer_norm_eps", 0, 1, 1e-5);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .norms(new Norms(Norms.Kind.LAYER, epsilon, Norms.Placement.BEFORE, Norms.QueryKey.NONE))
                .biases(new Biases(config.json().bool("use_qkv_bias", false), false, false));
    }
}
