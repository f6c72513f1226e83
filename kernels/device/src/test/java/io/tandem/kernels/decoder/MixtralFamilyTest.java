package io.tandem.kernels.decoder;

import java.util.List;

class MixtralFamilyTest extends FamilyProof {
    MixtralFamilyTest() {
        super("MixtralForCausalLM", "mixtral", mixtral -> {
            mixtral.layers = 2;
            mixtral.ffn = 20;
            mixtral.experts = 5;
            mixtral.active = 2;
            mixtral.shared = true;
            mixtral.expertBlock = "block_sparse_moe";
            mixtral.expertNames = List.of("w1", "w3", "w2");
        });
        config.put("num_local_experts", 5);
        config.put("num_experts_per_tok", 2);
        config.put("rope_theta", 10_000);
    }
}
