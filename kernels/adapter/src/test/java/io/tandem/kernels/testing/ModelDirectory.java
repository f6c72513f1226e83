package io.tandem.kernels.testing;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Writes a model as HuggingFace's libraries save it. */
final class ModelDirectory {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final Path directory;

    ModelDirectory(Path directory) {
        this.directory = directory;
    }

    void write(TinyModel model, StoredType dtype, int shards) throws IOException {
        Files.createDirectories(directory);
        json("config.json", config(model.config(), dtype));
        weights(model, dtype, shards);
        if (model.config().vocab() == ByteTokenizer.VOCAB) {
            json("generation_config.json", ByteTokenizer.generationConfig());
            json("tokenizer.json", ByteTokenizer.tokenizer());
            json("tokenizer_config.json", ByteTokenizer.tokenizerConfig());
        }
    }

    private void json(String name, Object value) throws IOException {
        Files.write(
                directory.resolve(name), MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(value));
    }

    private void weights(TinyModel model, StoredType dtype, int shards) throws IOException {
        List<Map<String, Tensor>> parts = new ArrayList<>();
        for (int i = 0; i < shards; i++) {
            parts.add(new TreeMap<>());
        }
        Map<String, String> weightMap = new TreeMap<>();
        Map<String, long[]> shapes = WeightNames.expected(model.config());
        int at = 0;
        for (Map.Entry<String, float[]> weight : model.weights().entrySet()) {
            int part = at++ * shards / model.weights().size();
            String name = weight.getKey();
            parts.get(part).put(name, new Tensor(dtype, shapes.get(name), weight.getValue()));
            weightMap.put(name, fileName(part, shards));
        }
        for (int i = 0; i < shards; i++) {
            SafetensorsWriter.write(directory.resolve(fileName(i, shards)), parts.get(i));
        }
        if (shards > 1) {
            json("model.safetensors.index.json", Map.of("metadata", Map.of(), "weight_map", weightMap));
        }
    }

    private static String fileName(int part, int shards) {
        return shards == 1 ? "model.safetensors" : "model-%05d-of-%05d.safetensors".formatted(part + 1, shards);
    }

    private static Map<String, @Nullable Object> config(ModelConfig model, StoredType dtype) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("architectures", List.of(model.architecture()));
        fields.put("model_type", model.architecture().replace("ForCausalLM", "").toLowerCase(Locale.ROOT));
        fields.put("torch_dtype", dtype == StoredType.BF16 ? "bfloat16" : "float32");
        fields.put("hidden_act", "silu");
        fields.put("hidden_size", model.hidden());
        fields.put("intermediate_size", model.ffn());
        fields.put("num_hidden_layers", model.layers());
        fields.put("num_attention_heads", model.heads());
        fields.put("num_key_value_heads", model.kvHeads());
        if (model.headDim() * model.heads() != model.hidden()) {
            fields.put("head_dim", model.headDim());
        }
        fields.put("max_position_embeddings", model.maxPositions());
        fields.put("rms_norm_eps", model.norms().epsilon());
        fields.put("rope_theta", model.rotaries().get(0).theta());
        fields.put(
                "rope_scaling",
                model.rotaries().get(0).scaling().map(ModelDirectory::scaling).orElse(null));
        fields.put("tie_word_embeddings", model.tiedEmbeddings());
        fields.put("vocab_size", model.vocab());
        switch (model.architecture()) {
            case "LlamaForCausalLM" -> {
                fields.put("attention_bias", model.biases().output());
                fields.put("mlp_bias", model.biases().mlp());
            }
            case "MistralForCausalLM" -> fields.put("sliding_window", null);
            case "Qwen3ForCausalLM" -> {
                fields.put("attention_bias", model.biases().output());
                fields.put("head_dim", model.headDim());
                fields.put("use_sliding_window", false);
            }
            default -> fields.put("use_sliding_window", false);
        }
        if (model.vocab() == ByteTokenizer.VOCAB) {
            fields.put("bos_token_id", ByteTokenizer.END_OF_TEXT);
            fields.put("eos_token_id", ByteTokenizer.END_OF_MESSAGE);
        }
        return fields;
    }

    private static Map<String, Object> scaling(RopeScaling scaling) {
        Map<String, Object> fields = new LinkedHashMap<>();
        if (scaling instanceof RopeScaling.Linear linear) {
            fields.put("rope_type", "linear");
            fields.put("factor", linear.factor());
        } else if (scaling instanceof RopeScaling.Llama3 llama3) {
            fields.put("rope_type", "llama3");
            fields.put("factor", llama3.factor());
            fields.put("low_freq_factor", llama3.lowFrequencyFactor());
            fields.put("high_freq_factor", llama3.highFrequencyFactor());
            fields.put("original_max_position_embeddings", llama3.originalMaxPositions());
        }
        return fields;
    }
}
