package io.tandem.kernels.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.model.Activation;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.LayerAttention;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/** The keys that most families share, with limits on what they may say. */
final class DecoderFields {
    static final int MAX_POSITIONS = 1 << 28;

    // Far above every published model of these families, and low enough that heads times head width stays an int.
    private static final int MAX_LAYERS = 1024;
    private static final int MAX_HIDDEN = 1 << 17;
    private static final int MAX_HEADS = 1024;
    private static final int MAX_HEAD_DIM = 1024;
    private static final int MAX_FFN = 1 << 20;
    private static final int MAX_VOCAB = 1 << 24;
    private static final int MAX_EXPERTS = 1024;

    private static final Map<String, Activation> ACTIVATIONS = Map.of(
            "silu", Activation.SILU,
            "swish", Activation.SILU,
            "gelu", Activation.GELU,
            "gelu_pytorch_tanh", Activation.GELU_TANH);

    private final JsonFields json;

    DecoderFields(JsonFields json) {
        this.json = json;
    }

    JsonFields json() {
        return json;
    }

    /**
     * The sizes of the model, its epsilon and whether the head is tied.
     *
     * @param silent what absent keys mean
     */
    ModelConfig.Builder decoder(Silent silent) {
        return decoder(silent, "intermediate_size");
    }

    /** @param ffn the key of the MLP's width */
    ModelConfig.Builder decoder(Silent silent, String ffn) {
        int hidden = json.integer("hidden_size", 1, MAX_HIDDEN);
        int heads = json.integer("num_attention_heads", 1, MAX_HEADS);
        int headDim = headDim(silent, hidden, heads);
        ModelConfig.Builder model = ModelConfig.llama(
                json.integer("num_hidden_layers", 1, MAX_LAYERS),
                hidden,
                heads,
                kvHeads(silent, heads),
                headDim,
                json.integer(ffn, 1, MAX_FFN),
                json.integer("vocab_size", 1, MAX_VOCAB));
        return model.epsilon(json.number("rms_norm_eps", 0, 1, silent.epsilon()))
                .maxPositions(positions(silent))
                .tied(json.bool("tie_word_embeddings", silent.tied()));
    }

    /**
     * What absent keys mean to a family.
     *
     * @param positions {@code max_position_embeddings}
     * @param kvHeads {@code num_key_value_heads}; 0 for as many as query heads, which {@code null} always means
     * @param headDim {@code head_dim}; 0 for {@code hidden_size / num_attention_heads}
     */
    record Silent(int positions, int kvHeads, int headDim, double epsilon, boolean tied) {}

    int positions(Silent silent) {
        return json.integer("max_position_embeddings", 1, MAX_POSITIONS, silent.positions());
    }

    private int kvHeads(Silent silent, int heads) {
        int fallback = !json.has("num_key_value_heads") && silent.kvHeads() > 0 ? silent.kvHeads() : heads;
        int kvHeads = json.integer("num_key_value_heads", 1, MAX_HEADS, fallback);
        if (heads % kvHeads != 0) {
            throw json.refuse("num_key_value_heads", "a divisor of the " + heads + " num_attention_heads");
        }
        return kvHeads;
    }

    private int headDim(Silent silent, int hidden, int heads) {
        boolean derived = silent.headDim() == 0;
        if (derived && json.value("head_dim").isEmpty() && hidden % heads != 0) {
            throw json.refuse("hidden_size", "a multiple of the " + heads + " num_attention_heads");
        }
        int headDim = json.integer("head_dim", 1, MAX_HEAD_DIM, derived ? hidden / heads : silent.headDim());
        if (headDim % 2 != 0 || headDim > MAX_HEAD_DIM) {
            String key = json.value("head_dim").isPresent() ? "head_dim" : "hidden_size";
            throw json.refuse(key, "heads of an even width up to " + MAX_HEAD_DIM + ", not " + headDim);
        }
        return headDim;
    }

    /** The function of the gate, under any of the keys, of which the first that is there counts. */
    Activation activation(Activation silent, String... keys) {
        for (String key : keys) {
            String name = json.text(key).orElse(null);
            if (name != null) {
                Activation function = ACTIVATIONS.get(name);
                if (function == null) {
                    throw json.refuse(key, "silu, gelu or gelu_pytorch_tanh (docs/models.md)");
                }
                return function;
            }
        }
        return silent;
    }

    /** Refuses a switch that a family of transformers has and that cannot be expressed. */
    void refuse(String key) {
        if (json.bool(key, false)) {
            throw json.refuse(key, "false; what it switches on is not supported (docs/models.md)");
        }
    }

    /**
     * The experts of every layer.
     *
     * @param shared whether the ratings of those that a token goes through are made to add up to one
     * @param modules gate, up and down
     */
    Experts experts(
            String countKey, int count, String activeKey, int active, boolean shared, List<TargetModule> modules) {
        int all = json.integer(countKey, 1, MAX_EXPERTS, count);
        return new Experts(all, json.integer(activeKey, 1, all, Math.min(all, active)), shared, modules);
    }

    /** A bound on scores or logits; 0 for none, which is what {@code null} means. */
    double cap(String key, double silent) {
        return json.number(key, 1e-3, 1e6, json.has(key) ? 0 : silent);
    }

    /**
     * The width of the sliding window.
     *
     * @param silent what an absent key means; 0 for none, which is what {@code null} means
     */
    int window(int silent) {
        int fallback = json.has("sliding_window") ? 0 : silent;
        return json.integer("sliding_window", 1, MAX_POSITIONS, fallback);
    }

    /**
     * What each layer attends to.
     *
     * @param window of layers that have one
     * @param sliding which of them have one, if {@code layer_types} is absent
     * @param slidingRotary the rotary embedding of those; all others have the first
     */
    List<LayerAttention> attention(int layers, int window, IntPredicate sliding, int slidingRotary) {
        JsonNode types = json.value("layer_types").orElse(null);
        if (types != null && types.size() != layers) {
            throw json.refuse("layer_types", "one for each of the " + layers + " num_hidden_layers");
        }
        List<LayerAttention> attention = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            boolean slides = types == null ? sliding.test(layer) : slides(types.get(layer));
            if (slides && window == 0) {
                throw json.refuse("sliding_window", "a width, since layer " + layer + " has a window");
            }
            attention.add(slides ? new LayerAttention(window, slidingRotary) : new LayerAttention(0, 0));
        }
        return attention;
    }

    private boolean slides(JsonNode type) {
        return switch (type.asText()) {
            case "sliding_attention" -> true;
            case "full_attention" -> false;
            default -> throw unknownLayerType();
        };
    }

    private ModelFormatException unknownLayerType() {
        return json.refuse("layer_types", "full_attention or sliding_attention in every layer (docs/models.md)");
    }
}
