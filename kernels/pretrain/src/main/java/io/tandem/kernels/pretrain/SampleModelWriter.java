package io.tandem.kernels.pretrain;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Writes a model directory as HuggingFace lays it out. The model card is written by hand. */
final class SampleModelWriter {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectWriter PRETTY = JSON.writerWithDefaultPrettyPrinter();
    private static final String CHAT_TEMPLATE = "{% for message in messages %}"
            + "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
            + "{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

    private final Path directory;

    SampleModelWriter(Path directory) {
        this.directory = directory;
    }

    void write(Shape shape, float[] weights, BpeTokenizer tokenizer) throws IOException {
        Files.createDirectories(directory);
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors(shape, weights));
        write("config.json", config(shape));
        write("tokenizer_config.json", tokenizerConfig());
        write("generation_config.json", generationConfig());
        Files.writeString(directory.resolve("tokenizer.json"), JSON.writeValueAsString(TokenizerJson.write(tokenizer)));
    }

    private void write(String file, ObjectNode content) throws IOException {
        Files.writeString(directory.resolve(file), PRETTY.writeValueAsString(content) + "\n");
    }

    private static Map<String, Tensor> tensors(Shape shape, float[] weights) {
        Map<String, Tensor> tensors = new TreeMap<>();
        for (WeightMap.Entry entry : WeightMap.of(shape)) {
            float[] values = Arrays.copyOfRange(weights, entry.offset(), entry.offset() + entry.count());
            long[] size = entry.rows() > 0 ? new long[] {entry.rows(), entry.columns()} : new long[] {entry.columns()};
            tensors.put(entry.name(), new Tensor(StoredType.BF16, size, values));
        }
        return tensors;
    }

    private static ObjectNode config(Shape shape) {
        ObjectNode config = JSON.createObjectNode();
        config.putArray("architectures").add("LlamaForCausalLM");
        config.put("model_type", "llama").put("torch_dtype", "bfloat16").put("hidden_act", "silu");
        config.put("num_hidden_layers", shape.layers()).put("hidden_size", shape.hidden());
        config.put("num_attention_heads", shape.heads()).put("num_key_value_heads", shape.kvHeads());
        config.put("head_dim", shape.headDim()).put("intermediate_size", shape.ffn());
        config.put("vocab_size", shape.vocab()).put("max_position_embeddings", Shape.MAX_POSITIONS);
        config.put("rms_norm_eps", 1e-5).put("rope_theta", Shape.THETA).putNull("rope_scaling");
        config.put("attention_bias", false).put("mlp_bias", false).put("attention_dropout", 0.0);
        config.put("tie_word_embeddings", true).put("use_cache", true).put("initializer_range", 0.02);
        config.putNull("bos_token_id").put("eos_token_id", BpeTokenizer.special(Corpus.END));
        config.put("pad_token_id", BpeTokenizer.special(Corpus.END_OF_TEXT));
        return config;
    }

    private static ObjectNode tokenizerConfig() {
        ObjectNode config = JSON.createObjectNode();
        config.put("tokenizer_class", "PreTrainedTokenizerFast").put("model_max_length", Shape.MAX_POSITIONS);
        config.put("add_bos_token", false).put("add_eos_token", false).putNull("bos_token");
        config.put("eos_token", Corpus.END).put("pad_token", Corpus.END_OF_TEXT);
        config.put("clean_up_tokenization_spaces", false).put("chat_template", CHAT_TEMPLATE);
        return config;
    }

    private static ObjectNode generationConfig() {
        ObjectNode config = JSON.createObjectNode();
        config.put("do_sample", false).put("pad_token_id", BpeTokenizer.special(Corpus.END_OF_TEXT));
        config.putArray("eos_token_id")
                .add(BpeTokenizer.special(Corpus.END))
                .add(BpeTokenizer.special(Corpus.END_OF_TEXT));
        return config;
    }
}
