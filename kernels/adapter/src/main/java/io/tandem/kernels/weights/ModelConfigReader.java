package io.tandem.kernels.weights;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.ModelConfig.RopeScaling;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Reads HuggingFace's {@code config.json}. Keys that are absent mean what they mean to transformers; what would change
 * the arithmetic in a way that the decoder does not know is refused by name.
 */
public final class ModelConfigReader {
    private static final int MAX_FILE_BYTES = 4 << 20;

    // Far above every published model of these families, and low enough that heads times head width stays an int.
    private static final int MAX_LAYERS = 1024;
    private static final int MAX_HIDDEN = 1 << 17;
    private static final int MAX_HEADS = 1024;
    private static final int MAX_HEAD_DIM = 1024;
    private static final int MAX_FFN = 1 << 20;
    private static final int MAX_VOCAB = 1 << 24;
    private static final int MAX_POSITIONS = 1 << 28;

    /** What differs between the families when the file is silent. */
    private enum Family {
        LLAMA("LlamaForCausalLM", "llama", 2048, 0),
        MISTRAL("MistralForCausalLM", "mistral", 4096 * 32, 8),
        QWEN2("Qwen2ForCausalLM", "qwen2", 32768, 32),
        QWEN3("Qwen3ForCausalLM", "qwen3", 32768, 32);

        private final String architecture;
        private final String modelType;
        private final int defaultPositions;
        /** 0 for as many as query heads. */
        private final int defaultKvHeads;

        Family(String architecture, String modelType, int defaultPositions, int defaultKvHeads) {
            this.architecture = architecture;
            this.modelType = modelType;
            this.defaultPositions = defaultPositions;
            this.defaultKvHeads = defaultKvHeads;
        }
    }

    private final JsonFields json;

    private ModelConfigReader(JsonFields json) {
        this.json = json;
    }

    /**
     * Reads the configuration of a model.
     *
     * @param path the {@code config.json}, or the directory that holds it
     * @throws ModelFormatException if the file is missing or damaged, a value is absurd, or the model is of an
     *     unsupported kind
     */
    public static ModelConfig read(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve("config.json") : path;
        return new ModelConfigReader(JsonFields.read(file, MAX_FILE_BYTES)).read();
    }

    private ModelConfig read() {
        Family family = family();
        refuseUnknownArithmetic(family);
        int hidden = json.integer("hidden_size", 1, MAX_HIDDEN);
        int heads = json.integer("num_attention_heads", 1, MAX_HEADS);
        int kvHeads = kvHeads(family, heads);
        int headDim = headDim(family, hidden, heads);
        boolean attentionBias = switch (family) {
            case LLAMA, QWEN3 -> json.bool("attention_bias", false);
            case MISTRAL, QWEN2 -> false;
        };
        return new ModelConfig(
                family.architecture,
                json.integer("num_hidden_layers", 1, MAX_LAYERS),
                hidden,
                heads,
                kvHeads,
                headDim,
                json.integer("intermediate_size", 1, MAX_FFN),
                json.integer("vocab_size", 1, MAX_VOCAB),
                maxPositions(family),
                json.number("rms_norm_eps", 0, 1, 1e-6),
                ropeTheta(),
                ropeScaling(),
                attentionBias || family == Family.QWEN2,
                attentionBias,
                family == Family.LLAMA && json.bool("mlp_bias", false),
                family == Family.QWEN3,
                json.bool("tie_word_embeddings", false));
    }

    private Family family() {
        String expected = "one of "
                + Arrays.stream(Family.values())
                        .map(family -> family.architecture)
                        .collect(Collectors.joining(", "));
        JsonNode names = json.value("architectures").orElseThrow(() -> json.refuse("architectures", expected));
        for (Family family : Family.values()) {
            if (names.isArray() && family.architecture.equals(names.path(0).textValue())) {
                return family;
            }
        }
        throw json.refuse("architectures", expected);
    }

    private void refuseUnknownArithmetic(Family family) {
        // transformers picks the implementation by model_type, not by architectures.
        if (!json.text("model_type").orElse(family.modelType).equals(family.modelType)) {
            throw json.refuse("model_type", family.modelType + ", as " + family.architecture + " has");
        }
        if (!json.text("hidden_act").orElse("silu").equals("silu")) {
            throw json.refuse("hidden_act", "silu");
        }
        if (json.value("quantization_config").isPresent()) {
            throw json.refuse("quantization_config", "none: the weights must be plain floating point");
        }
        if (json.number("partial_rotary_factor", 0, 1, 1) != 1) {
            throw json.refuse("partial_rotary_factor", "1");
        }
        boolean qwen = family == Family.QWEN2 || family == Family.QWEN3;
        if (qwen && json.bool("use_sliding_window", false)) {
            throw json.refuse("use_sliding_window", "false");
        }
        JsonNode layerTypes = json.value("layer_types").orElse(null);
        if (qwen && layerTypes != null) {
            for (JsonNode type : layerTypes) {
                if (!"full_attention".equals(type.textValue())) {
                    throw json.refuse("layer_types", "full_attention in every layer");
                }
            }
        }
    }

    private int kvHeads(Family family, int heads) {
        boolean silent = !json.has("num_key_value_heads");
        int fallback = silent && family.defaultKvHeads > 0 ? family.defaultKvHeads : heads;
        int kvHeads = json.integer("num_key_value_heads", 1, MAX_HEADS, fallback);
        if (heads % kvHeads != 0) {
            throw json.refuse("num_key_value_heads", "a divisor of the " + heads + " num_attention_heads");
        }
        return kvHeads;
    }

    private int headDim(Family family, int hidden, int heads) {
        if (json.value("head_dim").isEmpty() && family != Family.QWEN3 && hidden % heads != 0) {
            throw json.refuse("hidden_size", "a multiple of the " + heads + " num_attention_heads");
        }
        int fallback = family == Family.QWEN3 ? 128 : hidden / heads;
        int headDim = json.integer("head_dim", 1, MAX_HEAD_DIM, fallback);
        if (headDim % 2 != 0 || headDim > MAX_HEAD_DIM) {
            String key = json.value("head_dim").isPresent() ? "head_dim" : "hidden_size";
            throw json.refuse(key, "heads of an even width up to " + MAX_HEAD_DIM + ", not " + headDim);
        }
        return headDim;
    }

    private int maxPositions(Family family) {
        int positions = json.integer("max_position_embeddings", 1, MAX_POSITIONS, family.defaultPositions);
        if (family != Family.MISTRAL) {
            return positions;
        }
        // The decoder attends to the whole context. Up to the window's width that is the same thing as Mistral's
        // sliding window; beyond it the results would silently differ, so the context ends there. A silent file
        // means a window of 4096 to transformers, null means none.
        int silent = json.has("sliding_window") ? positions : 4096;
        return Math.min(positions, json.integer("sliding_window", 1, MAX_POSITIONS, silent));
    }

    private double ropeTheta() {
        double outer = json.number("rope_theta", 1, 1e12, 10_000);
        return json.object("rope_parameters")
                .map(parameters -> parameters.number("rope_theta", 1, 1e12, outer))
                .orElse(outer);
    }

    private Optional<RopeScaling> ropeScaling() {
        // Newer transformers call it rope_parameters and keep rope_theta in it.
        String key = json.value("rope_parameters").isPresent() ? "rope_parameters" : "rope_scaling";
        JsonFields scaling = json.object(key).orElse(null);
        if (scaling == null) {
            return Optional.empty();
        }
        if (scaling.number("partial_rotary_factor", 0, 1, 1) != 1) {
            throw scaling.refuse("partial_rotary_factor", "1");
        }
        // transformers 5 nests them by the type of layer where a model has several.
        for (String layerType : scaling.keys()) {
            if (scaling.value(layerType).filter(JsonNode::isObject).isPresent()) {
                throw scaling.refuse(layerType, "the same rotary embedding in every layer");
            }
        }
        String typeKey = scaling.value("rope_type").isPresent() ? "rope_type" : "type";
        String expected = "default, linear or llama3";
        // Without a type a factor would have no meaning, and ignoring it would change the model.
        boolean plain = scaling.value("factor").isEmpty();
        String type = scaling.text(typeKey).orElse(plain ? "default" : "absent");
        return switch (type) {
            case "default" -> Optional.empty();
            case "linear" -> Optional.of(new RopeScaling.Linear(scaling.number("factor", 1, 1e6)));
            case "llama3" -> Optional.of(llama3(scaling));
            default -> throw scaling.refuse(typeKey, expected);
        };
    }

    private static RopeScaling.Llama3 llama3(JsonFields scaling) {
        double low = scaling.number("low_freq_factor", 1e-6, 1e6);
        double high = scaling.number("high_freq_factor", 1e-6, 1e6);
        if (high <= low) {
            throw scaling.refuse("high_freq_factor", "more than low_freq_factor, " + low);
        }
        return new RopeScaling.Llama3(
                scaling.number("factor", 1, 1e6),
                low,
                high,
                scaling.integer("original_max_position_embeddings", 1, MAX_POSITIONS));
    }
}
