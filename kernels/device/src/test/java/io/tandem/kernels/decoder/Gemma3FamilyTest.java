package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.reference.FamilyReference;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Two layers with a window and a base of their own, then one without whose positions are divided by 8. */
class Gemma3FamilyTest extends FamilyProof {
    private static final int WINDOW = 5;

    Gemma3FamilyTest() {
        super("Gemma3ForCausalLM", "gemma3_text", gemma -> {
            gemma.headDim = 16;
            gemma.tied = true;
            gemma.fromOne = true;
            gemma.normsBefore = List.of("input_layernorm", "pre_feedforward_layernorm");
            gemma.normsAfter = List.of("post_attention_layernorm", "post_feedforward_layernorm");
            gemma.queryNorm = 16;
            gemma.keyNorm = 16;
            gemma.activation = FamilyReference::geluTanh;
            gemma.embeddingScale = Math.sqrt(32);
            gemma.scoreScale = Math.pow(24, -0.5);
            gemma.window = layer -> layer == 2 ? 0 : WINDOW;
            double[] full = Arrays.stream(FamilyReference.plain(1e6, 16))
                    .map(frequency -> frequency / 8)
                    .toArray();
            gemma.frequencies = layer -> layer == 2 ? full : FamilyReference.plain(10_000, 16);
        });
        config.put("head_dim", 16);
        config.put("hidden_activation", "gelu_pytorch_tanh");
        config.put("query_pre_attn_scalar", 24);
        config.put("sliding_window", WINDOW);
        config.put("sliding_window_pattern", 3);
        config.put("rope_theta", 1e6);
        config.put("rope_local_base_freq", 1e4);
        config.put("rope_scaling", Map.of("rope_type", "linear", "factor", 8));
        config.remove("tie_word_embeddings");
    }

    /** Newer versions of transformers say the same in other words. */
    @Test
    void parametersByTypeOfLayer() throws IOException {
        ModelConfig old = write();
        List.of("sliding_window_pattern", "rope_theta", "rope_local_base_freq", "rope_scaling")
                .forEach(config::remove);
        config.put("layer_types", List.of("sliding_attention", "sliding_attention", "full_attention"));
        config.put(
                "rope_parameters",
                Map.of(
                        "full_attention", Map.of("rope_type", "linear", "factor", 8, "rope_theta", 1e6),
                        "sliding_attention", Map.of("rope_type", "default", "rope_theta", 1e4)));
        assertThat(write()).isEqualTo(old);
        assertThat(old.rotaries())
                .containsExactly(
                        new Rotary(1e6, 16, Optional.of(new RopeScaling.Linear(8))),
                        new Rotary(1e4, 16, Optional.empty()));
    }

    @Test
    void whatIsNotThereIsRefused() {
        config.put("use_bidirectional_attention", true);
        assertThatThrownBy(this::write).hasMessageContaining("use_bidirectional_attention is true, expected false");
    }
}
