package io.tandem.kernels.decoder;

import java.util.List;

class Olmo2FamilyTest extends FamilyProof {
    Olmo2FamilyTest() {
        super("Olmo2ForCausalLM", "olmo2", olmo -> {
            olmo.normsBefore = List.of();
            olmo.normsAfter = List.of("post_attention_layernorm", "post_feedforward_layernorm");
            olmo.queryNorm = 32;
            olmo.keyNorm = 16;
        });
    }
}
