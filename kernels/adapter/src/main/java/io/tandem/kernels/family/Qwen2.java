package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.LayerAttention;
import io.tandem.kernels.model.ModelConfig;
import java.util.List;

/** Qwen 2 and 2.5: Llama with biases of q, k and v, and on demand a window in the upper layers. */
final class Qwen2 implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(32768, 32, 0, 1e-6, false);

    @Override
    public String architecture() {
        return "Qwen2ForCausalLM";
    }

    @Override
    public String modelType() {
        return "qwen2";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .attention(attention(config, model.layers()))
                .biases(new Biases(true, false, false));
    }

    /** Of all models by this developer. */
    static List<LayerAttention> attention(DecoderFields config, int layers) {
        int window = config.json().bool("use_sliding_window", false) ? config.window(4096) : 0;
        int first = config.json().integer("max_window_layers", 0, 1 << 16, 28);
        return config.attention(layers, window, layer -> window > 0 && layer >= first, 0);
    }
}
