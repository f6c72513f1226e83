package io.tandem.kernels.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.LayerAttention;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigReaderTest {
    private static final String SIZES = "\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
            + "\"num_key_value_heads\":2,\"intermediate_size\":128,\"vocab_size\":100";

    @TempDir
    Path directory;

    @Test
    void silentKeysMeanWhatTransformersMeans() throws IOException {
        ModelConfig llama = read("Llama", SIZES.replace("\"num_key_value_heads\":2,", ""));
        assertThat(llama.kvHeads()).isEqualTo(4);
        assertThat(llama.headDim()).isEqualTo(16);
        assertThat(llama.maxPositions()).isEqualTo(2048);
        assertThat(llama.norms().epsilon()).isEqualTo(1e-6);
        assertThat(rotary(llama)).isEqualTo(new Rotary(10_000, 16, Optional.empty()));
        assertThat(llama.biases()).isEqualTo(Biases.NONE);
        assertThat(llama.norms().queryKey()).isEqualTo(Norms.QueryKey.NONE);
        assertThat(llama.tiedEmbeddings()).isFalse();
        ModelConfig qwen2 = read("Qwen2", SIZES);
        assertThat(qwen2.biases()).isEqualTo(new Biases(true, false, false));
        ModelConfig qwen3 = read("Qwen3", SIZES + ",\"attention_bias\":true");
        assertThat(qwen3.norms().queryKey()).isEqualTo(Norms.QueryKey.HEAD);
        assertThat(qwen3.biases()).isEqualTo(new Biases(true, true, false));
        assertThat(qwen3.headDim()).isEqualTo(128);
    }

    @Test
    void aNullCountOfKeyHeadsMeansAsManyAsQueryHeads() throws IOException {
        String sizes = SIZES.replace("\"num_key_value_heads\":2", "\"num_key_value_heads\":null");
        assertThat(read("Mistral", sizes).kvHeads()).isEqualTo(4);
        assertThat(read("Qwen2", sizes).kvHeads()).isEqualTo(4);
    }

    @Test
    void aSlidingWindowIsOneAndNotAShorterContext() throws IOException {
        String sizes = SIZES + ",\"max_position_embeddings\":32768";
        ModelConfig model = read("Mistral", sizes + ",\"sliding_window\":1000");
        assertThat(model.maxPositions()).isEqualTo(32768);
        assertThat(model.windows()).containsExactly(1000);
        assertThat(read("Mistral", sizes).windows()).containsExactly(4096);
        assertThat(read("Mistral", sizes + ",\"sliding_window\":null").windows())
                .containsExactly(0);
        String qwen = sizes + ",\"sliding_window\":1000";
        assertThat(read("Qwen2", qwen + ",\"use_sliding_window\":false").windows())
                .containsExactly(0);
        assertThat(read("Qwen2", qwen + ",\"use_sliding_window\":true,\"max_window_layers\":1")
                        .attention())
                .containsExactly(new LayerAttention(0, 0), new LayerAttention(1000, 0));
        String types = ",\"layer_types\":[\"sliding_attention\",\"full_attention\"]";
        assertThat(read("Qwen3", qwen + ",\"use_sliding_window\":true" + types).attention())
                .containsExactly(new LayerAttention(1000, 0), new LayerAttention(0, 0));
    }

    @Test
    void rotaryScalingIsReadFromBothPlaces() throws IOException {
        assertThat(scaling("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}"))
                .isEqualTo(new RopeScaling.Linear(2));
        ModelConfig newer = read(
                "Llama",
                SIZES + ",\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\",\"factor\":8,"
                        + "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}");
        assertThat(rotary(newer))
                .isEqualTo(new Rotary(500_000, 16, Optional.of(new RopeScaling.Llama3(8, 1, 4, 8192))));
        ModelConfig plain =
                read("Qwen3", SIZES + ",\"rope_parameters\":{\"rope_theta\":1e6,\"rope_type\":\"default\"}");
        assertThat(rotary(plain)).isEqualTo(new Rotary(1e6, 128, Optional.empty()));
    }

    /** As transformers computes them; Qwen 2.5 publishes such a change for contexts beyond its own. */
    @Test
    void scalingThatLengthensTheContext() throws IOException {
        String sizes = SIZES + ",\"max_position_embeddings\":1000,";
        ModelConfig yarn = read("Qwen2", sizes + "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}");
        assertThat(yarn.maxPositions()).isEqualTo(4000);
        assertThat(rotary(yarn).scaling()).contains(new RopeScaling.Yarn(4, 1000, 32, 1, 0.1 * Math.log(4) + 1, true));
        assertThat(scaling("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":16,\"beta_slow\":2,"
                        + "\"attention_factor\":1.5,\"original_max_position_embeddings\":500,\"truncate\":false}"))
                .isEqualTo(new RopeScaling.Yarn(4, 500, 16, 2, 1.5, false));
        ModelConfig dynamic = read("Llama", sizes + "\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}");
        assertThat(dynamic.maxPositions()).isEqualTo(2000);
        assertThat(rotary(dynamic).scaling()).contains(new RopeScaling.Dynamic(2, 1000));
    }

    private static Rotary rotary(ModelConfig model) {
        assertThat(model.rotaries()).hasSize(1);
        return model.rotaries().get(0);
    }

    private RopeScaling scaling(String field) throws IOException {
        return rotary(read("Llama", SIZES + "," + field)).scaling().orElseThrow();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "hidden_size | -1 | an integer of 1 to",
                "hidden_size | 0 | an integer of 1 to",
                "hidden_size | 1e400 | an integer of 1 to",
                "hidden_size | 64.5 | an integer of 1 to",
                "hidden_size | \"64\" | an integer of 1 to",
                "hidden_size | 66 | a multiple of the 4",
                "hidden_size | 60 | heads of an even width",
                "num_hidden_layers | 99999999999999999999 | an integer of 1 to",
                "num_hidden_layers | null | an integer of 1 to",
                "num_key_value_heads | 3 | a divisor of the 4",
                "num_key_value_heads | 8 | a divisor of the 4",
                "head_dim | 7 | heads of an even width",
                "head_dim | 4096 | an integer of 1 to 1024",
                "intermediate_size | {} | an integer of 1 to",
                "vocab_size | 2147483648 | an integer of 1 to",
                "max_position_embeddings | 0 | an integer of 1 to",
                "rms_norm_eps | -1 | a number of",
                "rms_norm_eps | true | a number of",
                "rope_theta | 0 | a number of",
                "hidden_act | \"relu\" | silu, gelu or gelu_pytorch_tanh",
                "hidden_act | 3 | a string",
                "attention_bias | \"no\" | true or false",
                "tie_word_embeddings | 1 | true or false",
                "quantization_config | [] | an object",
                "quantization_config | {\"bits\":4} | gptq, awq or compressed-tensors",
                "quantization_config | {\"quant_method\":\"bitsandbytes\"} | --weight-form int8 or int4",
                "quantization_config | {\"quant_method\":\"gptq\",\"bits\":3} | 4 or 8",
                "quantization_config | {\"quant_method\":\"gptq\",\"bits\":4,\"checkpoint_format\":\"marlin\"} | gptq",
                "quantization_config | {\"quant_method\":\"gptq\",\"bits\":4,\"dynamic\":{\"a\":{}}} | the same bits",
                "quantization_config | {\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":-2} | an integer of -1 to",
                "quantization_config | {\"quant_method\":\"awq\",\"bits\":8} | 4",
                "quantization_config | {\"quant_method\":\"awq\",\"bits\":4,\"version\":\"gemv\"} | gemm",
                "quantization_config | {\"quant_method\":\"awq\",\"bits\":4,\"zero_point\":false} | true",
                "quantization_config | {\"quant_method\":\"compressed-tensors\"} | pack-quantized",
                "quantization_config | {\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\"} | int-",
                "quantization_config | {\"quant_method\":\"compressed-tensors\",\"format\":\"int-quantized\"} | groups",
                "partial_rotary_factor | 0.5 | 1",
                "rope_scaling | {\"type\":\"xpos\",\"factor\":4} | default, linear, dynamic, llama3, yarn or longrope",
                "rope_scaling | {\"factor\":4} | default, linear, dynamic, llama3, yarn or longrope",
                "rope_scaling | {\"type\":\"yarn\"} | a number of",
                "rope_scaling | {\"type\":\"longrope\",\"factor\":4} | an integer of 2",
                "rope_scaling | {\"type\":\"longrope\",\"original_max_position_embeddings\":99} | a list of 8",
                "rope_scaling | {\"type\":\"linear\"} | a number of",
                "rope_scaling | {\"type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4} | more",
                "rope_scaling | [] | an object",
                "rope_parameters | {\"rope_theta\":-3} | a number of",
                "rope_parameters | {\"full_attention\":{\"rope_type\":\"linear\",\"factor\":4}} | in every layer",
                "model_type | \"granite\" | llama, as LlamaForCausalLM has",
                "model_type | 3 | a string",
            })
    void absurdValuesAreRefusedByKey(String key, String value, String expected) {
        String fields = SIZES.contains("\"" + key + "\"")
                ? SIZES.replaceAll("\"" + key + "\":\\d+", "\"" + key + "\":" + value)
                : SIZES + ",\"" + key + "\":" + value;
        assertThatThrownBy(() -> read("Llama", fields))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("config.json: ")
                .hasMessageContaining(key)
                .hasMessageContaining("expected")
                .hasMessageContaining(expected);
    }

    @Test
    void layersOfAnUnknownTypeAreRefused() {
        assertThatThrownBy(() -> read("Qwen2", SIZES + ",\"layer_types\":[\"full_attention\",\"linear_attention\"]"))
                .hasMessageContaining("layer_types")
                .hasMessageContaining("full_attention or sliding_attention in every layer (docs/models.md)");
        assertThatThrownBy(() -> read("Qwen2", SIZES + ",\"layer_types\":[\"full_attention\"]"))
                .hasMessageContaining("one for each of the 2 num_hidden_layers");
        assertThatThrownBy(() -> read("Qwen2", SIZES + ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]"))
                .hasMessageContaining("sliding_window");
    }

    @Test
    void otherArchitecturesAreRefused() {
        assertThatThrownBy(() -> read("Bloom", SIZES))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("architectures is [\"BloomForCausalLM\"], expected one of LlamaForCausalLM");
    }

    @Test
    void whatIsNotOneJsonObjectIsRefused() throws IOException {
        Path file = directory.resolve("config.json");
        assertThatThrownBy(() -> ModelConfigReader.read(directory)).hasMessageContaining("no such file");
        String[] contents = {
            "", "[]", "null", "{", "{\"a\":1}{}", "{\"a\":1,\"a\":2}", "\0\0", "{\"a\":NaN}", "[".repeat(100_000)
        };
        for (String content : contents) {
            Files.writeString(file, content);
            assertThatThrownBy(() -> ModelConfigReader.read(file))
                    .as(content.substring(0, Math.min(20, content.length())))
                    .isInstanceOf(ModelFormatException.class)
                    .hasMessageContaining("config.json");
        }
        Files.write(file, new byte[5 << 20]);
        assertThatThrownBy(() -> ModelConfigReader.read(file)).hasMessageContaining("limit");
    }

    private ModelConfig read(String family, String fields) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(file, "{\"architectures\":[\"" + family + "ForCausalLM\"]," + fields + "}");
        return ModelConfigReader.read(file);
    }
}
