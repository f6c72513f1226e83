package io.tandem.kernels.family;

import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.List;

/** Mixtral 8x7B and 8x22B: Mistral with experts in every layer. */
final class Mixtral implements Family {
    private static final DecoderFields.Silent SILENT = new DecoderFields.Silent(4096 * 32, 8, 0, 1e-5, false);
    private static final List<TargetModule> MODULES =
            List.of(TargetModule.EXPERT_W1, TargetModule.EXPERT_W3, TargetModule.EXPERT_W2);

    @Override
    public String architecture() {
        return "MixtralForCausalLM";
    }

    @Override
    public String modelType() {
        return "mixtral";
    }

    @Override
    public ModelConfig.Builder read(DecoderFields config) {
        ModelConfig.Builder model = config.decoder(SILENT);
        new RopeFields(config, model.headDim(), config.positions(SILENT)).into(model, 1e6, 1, true);
        return model.activation(config.activation(Activation.SILU, "hidden_act"))
                .window(config.window(0))
                .experts(config.experts("num_local_experts", 8, "num_experts_per_tok", 2, true, MODULES));
    }
}
