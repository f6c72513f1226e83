package io.tandem.kernels.family;

import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.weights.JsonFields;
import java.util.List;
import java.util.Optional;

/** Gemma 3, models of text alone: layers with a window have a rotary embedding of their own, and queries a norm. */
final class Gemma3 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(131_072, 4, 256, 1e-6, true);
    private static final int SLIDING = 1;

    @Override
    public String architecture() {
        return "Gemma3ForCausalLM";
    }

    @Override
    public String modelType() {
        return "gemma3_text";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        config.refuse("use_bidirectional_attention");
        ModelConfig.Builder model = config.decoder(SILENT);
        int period = config.json().integer("sliding_window_pattern", 1, 1 << 16, 6);
        boolean bias = config.json().bool("attention_bias", false);
        double cap = config.cap("attn_logit_softcapping", 0);
        if (cap != 0) {
            throw config.json().refuse("attn_logit_softcapping", "null, since transformers ignores it in Gemma 3");
        }
        return model.activation(Gemma2.activation(config))
                .norms(new Norms(Norms.Kind.RMS_FROM_ONE, model.epsilon(), Norms.Placement.BOTH, Norms.QueryKey.HEAD))
                .rotaries(rotaries(config, model.headDim()))
                .attention(config.attention(
                        model.layers(), config.window(4096), layer -> (layer + 1) % period != 0, SLIDING))
                .scales(Gemma2.scales(config, model, cap, 0))
                .biases(new Biases(bias, bias, false));
    }

    /** That of full attention first. */
    private static List<Rotary> rotaries(DecoderFields config, int headDim) {
        RopeFields rope = new RopeFields(config, headDim, config.positions(SILENT));
        double theta = config.json().number("rope_theta", 1, 1e12, 1e6);
        double local = config.json().number("rope_local_base_freq", 1, 1e12, 10_000);
        JsonFields parameters = config.json().object("rope_parameters").orElse(null);
        if (parameters == null) {
            Rotary full = config.json()
                    .object("rope_scaling")
                    .map(scaling -> rope.of(scaling, theta, headDim))
                    .orElse(new Rotary(theta, headDim, Optional.empty()));
            return List.of(full, new Rotary(local, headDim, Optional.empty()));
        }
        return List.of(
                rope.ofLayers(parameters, "full_attention", theta),
                rope.ofLayers(parameters, "sliding_attention", local));
    }
}
