package io.tandem.kernels.decoder;

class GraniteFamilyTest extends FamilyProof {
    GraniteFamilyTest() {
        super("GraniteForCausalLM", "granite", granite -> {
            granite.tied = true;
            granite.embeddingScale = 12;
            granite.residual = 0.22;
            granite.scoreScale = 0.2;
            granite.logitScale = 1 / 3.0;
            granite.qkvBias = true;
            granite.outputBias = true;
            granite.mlpBias = true;
        });
        config.put("embedding_multiplier", 12.0);
        config.put("residual_multiplier", 0.22);
        config.put("attention_multiplier", 0.2);
        config.put("logits_scaling", 3.0);
        config.put("attention_bias", true);
        config.put("mlp_bias", true);
    }
}
