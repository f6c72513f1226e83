package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import java.util.List;

/** Qwen 3 with experts in every layer, such as 30B-A3B. */
final class Qwen3Moe implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(32768, 4, 0, 1e-6, false);
    private static final List<TargetModule> MODULES =
            List.of(TargetModule.EXPERT_GATE_PROJ, TargetModule.EXPERT_UP_PROJ, TargetModule.EXPERT_DOWN_PROJ);

    @Override
    public String architecture() {
        return "Qwen3MoeForCausalLM";
    }

    @Override
    public String modelType() {
        return "qwen3_moe";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        JsonFields json = config.json();
        ModelConfig.Builder model = config.decoder(SILENT, "moe_intermediate_size");
        if (json.integer("decoder_sparse_step", 1, 1 << 16, 1) != 1) {
            throw json.refuse("decoder_sparse_step", "1: experts in every layer (docs/models.md)");
        }
        if (json.value("mlp_only_layers").filter(layers -> !layers.isEmpty()).isPresent()) {
            throw json.refuse("mlp_only_layers", "none: experts in every layer (docs/models.md)");
        }
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 10_000, 1, true);
        boolean bias = json.bool("attention_bias", false);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .attention(Qwen2.attention(config, model.layers()))
                .biases(new Biases(bias, bias, false))
                .queryKeyNorm(Norms.QueryKey.HEAD)
                .experts(config.experts(
                        "num_experts", 128, "num_experts_per_tok", 8, json.bool("norm_topk_prob", false), MODULES));
    }
}
