package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.Map;

/** Writes what a file says of a model's structure as HuggingFace's {@code config.json}. */
final class ConfigJson {
    private static final String EMBEDDING = "token_embd.weight";
    /** Of the largest Gemma 2 and 3, whose queries are scaled in another way, which the files do not say. */
    private static final Map<GgufArchitecture, Integer> LARGEST_GEMMA =
            Map.of(GgufArchitecture.GEMMA2, 46, GgufArchitecture.GEMMA3, 62);

    private final GgufFile file;
    private final Sizes sizes;
    private final Keys keys;
    private final ObjectNode json = JsonNodeFactory.instance.objectNode();

    private ConfigJson(GgufFile file, Sizes sizes) {
        this.file = file;
        this.sizes = sizes;
        this.keys = new Keys(file.metadata(), sizes.architecture());
    }

    /** @throws ModelFormatException if something is missing, or cannot be expressed */
    static ObjectNode of(GgufFile file, Sizes sizes) {
        ConfigJson config = new ConfigJson(file, sizes);
        config.sizes();
        config.family();
        new RopeJson(file, sizes, config.keys).into(config.json);
        return config.json;
    }

    private void sizes() {
        GgufTensor embedding = file.tensors().get(EMBEDDING);
        if (embedding == null) {
            throw ModelFormatException.in(file.path(), "no tensor " + EMBEDDING);
        }
        int layers = keys.integer("block_count");
        json.put("num_hidden_layers", layers)
                .put("hidden_size", sizes.hidden())
                .put("num_attention_heads", sizes.heads())
                .put("num_key_value_heads", sizes.kvHeads())
                .put("head_dim", sizes.headDim())
                .put("vocab_size", embedding.rows())
                .put("max_position_embeddings", keys.integer("context_length"))
                .put(
                        "rms_norm_eps",
                        keys.number("attention.layer_norm_rms_epsilon")
                                .orElseThrow(() -> keys.refuse("attention.layer_norm_rms_epsilon", "a number")))
                .put("tie_word_embeddings", !file.tensors().containsKey("output.weight"));
        if (sizes.experts() == 0 || keys.has("feed_forward_length")) {
            json.put("intermediate_size", keys.integer("feed_forward_length"));
        }
    }

    private void family() {
        architecture(sizes.architecture().huggingFace(), sizes.architecture().modelType());
        int window = keys.integer("attention.sliding_window", 0);
        switch (sizes.architecture()) {
            case LLAMA -> llama(window);
            case QWEN2 -> {
                // Files of this kind say nothing of windows, as does what is published.
            }
            case QWEN3 -> json.put("attention_bias", has("blk.0.attn_q.bias"));
            case QWEN3MOE -> {
                json.put("attention_bias", has("blk.0.attn_q.bias"))
                        .put("moe_intermediate_size", keys.integer("expert_feed_forward_length"))
                        .put("num_experts", sizes.experts())
                        .put("num_experts_per_tok", keys.integer("expert_used_count"))
                        .put("norm_topk_prob", true);
            }
            case GEMMA2, GEMMA3 -> gemma(window);
            case PHI3 -> {
                json.put("intermediate_size", keys.integer("feed_forward_length"));
                if (window > 0) {
                    json.put("sliding_window", window);
                }
            }
        }
    }

    private void llama(int window) {
        if (sizes.experts() > 0) {
            architecture("MixtralForCausalLM", "mixtral");
            json.put("num_local_experts", sizes.experts())
                    .put("num_experts_per_tok", keys.integer("expert_used_count"));
        } else if (window > 0) {
            architecture("MistralForCausalLM", "mistral");
        } else {
            json.put("attention_bias", has("blk.0.attn_q.bias")).put("mlp_bias", has("blk.0.ffn_up.bias"));
        }
        if (window > 0) {
            json.put("sliding_window", window);
        }
    }

    private void gemma(int window) {
        if (window > 0) {
            json.put("sliding_window", window);
        }
        boolean largest =
                Integer.valueOf(json.path("num_hidden_layers").asInt()).equals(LARGEST_GEMMA.get(sizes.architecture()));
        json.put("query_pre_attn_scalar", largest ? sizes.hidden() / sizes.heads() : sizes.headDim());
        keys.number("attn_logit_softcapping").ifPresent(cap -> json.put("attn_logit_softcapping", cap));
        keys.number("final_logit_softcapping").ifPresent(cap -> json.put("final_logit_softcapping", cap));
    }

    private void architecture(String huggingFace, String modelType) {
        json.putArray("architectures").add(huggingFace);
        json.put("model_type", modelType);
    }

    private boolean has(String tensor) {
        return file.tensors().containsKey(tensor);
    }
}
