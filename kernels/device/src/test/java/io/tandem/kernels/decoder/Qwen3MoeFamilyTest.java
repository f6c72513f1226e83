package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter.Site;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ratings that do not add up to one. */
class Qwen3MoeFamilyTest extends FamilyProof {
    Qwen3MoeFamilyTest() {
        super("Qwen3MoeForCausalLM", "qwen3_moe", qwen -> {
            qwen.layers = 2;
            qwen.ffn = 20;
            qwen.queryNorm = 8;
            qwen.keyNorm = 8;
            qwen.experts = 6;
            qwen.active = 3;
        });
        config.put("num_experts", 6);
        config.put("num_experts_per_tok", 3);
        config.put("norm_topk_prob", false);
        config.put("moe_intermediate_size", 20);
        config.put("intermediate_size", 999);
        config.put("decoder_sparse_step", 1);
        config.put("mlp_only_layers", List.of());
    }

    @Test
    void layersWithoutExpertsAreRefused() {
        config.put("mlp_only_layers", List.of(1));
        assertThatThrownBy(this::write).hasMessageContaining("mlp_only_layers is [1], expected none");
    }

    @Test
    void adaptersChangeEveryExpert() throws IOException {
        assertThat(Site.all(write()))
                .hasSize(2 * (4 + 6 * 3))
                .extracting(Site::toString)
                .contains("model.layers.1.mlp.experts.5.up_proj");
    }
}
