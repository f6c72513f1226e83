package io.tandem.kernels.decoder;

import io.tandem.kernels.reference.FamilyReference;
import java.util.List;

/** Caps and a scale with which scores and logits are far from linear, as they are in the published models. */
class Gemma2FamilyTest extends FamilyProof {
    private static final int WINDOW = 7;

    Gemma2FamilyTest() {
        super("Gemma2ForCausalLM", "gemma2", gemma -> {
            gemma.headDim = 16;
            gemma.tied = true;
            gemma.fromOne = true;
            gemma.normsBefore = List.of("input_layernorm", "pre_feedforward_layernorm");
            gemma.normsAfter = List.of("post_attention_layernorm", "post_feedforward_layernorm");
            gemma.activation = FamilyReference::geluTanh;
            gemma.embeddingScale = Math.sqrt(32);
            gemma.scoreScale = Math.pow(24, -0.5);
            gemma.scoreCap = 1.5;
            gemma.logitCap = 2;
            gemma.window = layer -> layer % 2 == 0 ? WINDOW : 0;
            gemma.frequencies = layer -> FamilyReference.plain(10_000, 16);
        });
        config.put("head_dim", 16);
        config.put("hidden_activation", "gelu_pytorch_tanh");
        config.put("query_pre_attn_scalar", 24);
        config.put("attn_logit_softcapping", 1.5);
        config.put("final_logit_softcapping", 2.0);
        config.put("sliding_window", WINDOW);
        config.remove("tie_word_embeddings");
    }
}
