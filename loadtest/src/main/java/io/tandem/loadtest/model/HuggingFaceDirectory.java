package io.tandem.loadtest.model;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/** The random model as HuggingFace lays it out: {@code config.json}, weights in bfloat16 and a tokenizer. */
final class HuggingFaceDirectory {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private HuggingFaceDirectory() {}

    /** @param made hears how many numbers each tensor has that was drawn */
    static void write(Path directory, RandomWeights weights, LongConsumer made) throws IOException {
        Files.createDirectories(directory);
        Map<String, Tensor> tensors = new TreeMap<>();
        weights.shapes()
                .forEach((name, shape) -> tensors.put(name, new Tensor(StoredType.BF16, shape, () -> {
                    float[] values = weights.values(name);
                    made.accept(values.length);
                    return values;
                })));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors);
        json(directory, "config.json", config(weights.config()));
        ByteVocabulary vocabulary = new ByteVocabulary(weights.config().vocab());
        json(directory, "tokenizer.json", tokenizer(vocabulary));
        json(directory, "tokenizer_config.json", tokenizerConfig(weights.config()));
        json(
                directory,
                "generation_config.json",
                JSON.createObjectNode().put("do_sample", false).put("eos_token_id", ByteVocabulary.END_OF_TEXT));
    }

    private static void json(Path directory, String file, ObjectNode content) throws IOException {
        Files.writeString(
                directory.resolve(file), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n");
    }

    private static ObjectNode config(ModelConfig model) {
        ObjectNode config = JSON.createObjectNode();
        config.putArray("architectures").add(model.architecture());
        config.put("model_type", "llama").put("torch_dtype", "bfloat16").put("hidden_act", "silu");
        config.put("num_hidden_layers", model.layers()).put("hidden_size", model.hidden());
        config.put("num_attention_heads", model.heads()).put("num_key_value_heads", model.kvHeads());
        config.put("head_dim", model.headDim()).put("intermediate_size", model.ffn());
        config.put("vocab_size", model.vocab()).put("max_position_embeddings", model.maxPositions());
        config.put("rms_norm_eps", model.norms().epsilon())
                .put("rope_theta", model.rotaries().get(0).theta());
        config.putNull("rope_scaling").put("attention_bias", false).put("mlp_bias", false);
        config.put("tie_word_embeddings", true).put("eos_token_id", ByteVocabulary.END_OF_TEXT);
        return config;
    }

    private static ObjectNode tokenizerConfig(ModelConfig model) {
        ObjectNode config = JSON.createObjectNode();
        config.put("tokenizer_class", "PreTrainedTokenizerFast").put("model_max_length", model.maxPositions());
        config.put("add_bos_token", false).put("add_eos_token", false).putNull("bos_token");
        config.put("eos_token", ByteVocabulary.END_OF_TEXT_NAME);
        config.put("chat_template", "{% for message in messages %}{{ message['content'] }}\n{% endfor %}");
        return config;
    }

    private static ObjectNode tokenizer(ByteVocabulary vocabulary) {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        ObjectNode end = root.putArray("added_tokens").addObject();
        end.put("id", ByteVocabulary.END_OF_TEXT).put("content", ByteVocabulary.END_OF_TEXT_NAME);
        end.put("single_word", false).put("lstrip", false).put("rstrip", false);
        end.put("normalized", false).put("special", true);
        root.putNull("normalizer");
        for (String step : new String[] {"pre_tokenizer", "post_processor", "decoder"}) {
            root.putObject(step)
                    .put("type", "ByteLevel")
                    .put("add_prefix_space", false)
                    .put("trim_offsets", true)
                    .put("use_regex", true);
        }
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.putNull("dropout").putNull("unk_token");
        model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
        model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
        ObjectNode ids = model.putObject("vocab");
        for (int id = 0; id < vocabulary.size(); id++) {
            ids.put(vocabulary.name(id), id);
        }
        model.putArray("merges");
        return root;
    }
}
