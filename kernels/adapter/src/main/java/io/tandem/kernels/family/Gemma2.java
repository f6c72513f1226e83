package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.Scales;

/** Gemma 2: bounded scores and logits, norms before and behind attention and MLP, a window in every other layer. */
final class Gemma2 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(8192, 4, 256, 1e-6, true);

    @Override
    public String architecture() {
        return "Gemma2ForCausalLM";
    }

    @Override
    public String modelType() {
        return "gemma2";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        boolean bias = config.json().bool("attention_bias", false);
        return model.activation(activation(config))
                .norms(new Norms(Norms.Kind.RMS_FROM_ONE, model.epsilon(), Norms.Placement.BOTH, Norms.QueryKey.NONE))
                .attention(config.attention(model.layers(), config.window(4096), layer -> layer % 2 == 0, 0))
                .scales(scales(config, model, config.cap("attn_logit_softcapping", 50), 30))
                .biases(new Biases(bias, bias, false));
    }

    /** Of all models by this developer. */
    static Activation activation(DecoderFields config) {
        return config.activation(Activation.GELU_TANH, "hidden_activation", "hidden_act");
    }

    /** Of all models by this developer. */
    static Scales scales(DecoderFields config, ModelConfig.Builder model, double cap, double silentLogitCap) {
        return new Scales(
                Math.sqrt(model.hidden()),
                Math.pow(config.json().number("query_pre_attn_scalar", 1e-3, 1e6, 256), -0.5),
                1,
                1,
                cap,
                config.cap("final_logit_softcapping", silentLogitCap));
    }
}
