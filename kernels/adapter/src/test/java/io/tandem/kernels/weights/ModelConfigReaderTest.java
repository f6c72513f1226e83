package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.ModelConfig.RopeScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
        assertThat(llama.rmsEpsilon()).isEqualTo(1e-6);
        assertThat(llama.ropeTheta()).isEqualTo(10_000);
        assertThat(llama.ropeScaling()).isEmpty();
        assertThat(llama.qkvBias() || llama.outputBias() || llama.mlpBias() || llama.qkNorm() || llama.tiedEmbeddings())
                .isFalse();
        ModelConfig qwen2 = read("Qwen2", SIZES);
        assertThat(qwen2.qkvBias()).isTrue();
        assertThat(qwen2.outputBias()).isFalse();
        ModelConfig qwen3 = read("Qwen3", SIZES + ",\"attention_bias\":true");
        assertThat(qwen3.qkNorm() && qwen3.qkvBias() && qwen3.outputBias()).isTrue();
        assertThat(qwen3.headDim()).isEqualTo(128);
    }

    @Test
    void aNullCountOfKeyHeadsMeansAsManyAsQueryHeads() throws IOException {
        String sizes = SIZES.replace("\"num_key_value_heads\":2", "\"num_key_value_heads\":null");
        assertThat(read("Mistral", sizes).kvHeads()).isEqualTo(4);
        assertThat(read("Qwen2", sizes).kvHeads()).isEqualTo(4);
    }

    @Test
    void aSlidingWindowEndsTheContext() throws IOException {
        String sizes = SIZES + ",\"max_position_embeddings\":32768";
        assertThat(read("Mistral", sizes + ",\"sliding_window\":null").maxPositions())
                .isEqualTo(32768);
        assertThat(read("Mistral", sizes + ",\"sliding_window\":65536").maxPositions())
                .isEqualTo(32768);
        assertThat(read("Mistral", sizes + ",\"sliding_window\":1000").maxPositions())
                .isEqualTo(1000);
        assertThat(read("Mistral", sizes).maxPositions()).isEqualTo(4096);
        assertThat(read("Qwen2", sizes + ",\"sliding_window\":1000,\"use_sliding_window\":false")
                        .maxPositions())
                .isEqualTo(32768);
    }

    @Test
    void rotaryScalingIsReadFromBothPlaces() throws IOException {
        assertThat(read("Llama", SIZES + ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}")
                        .ropeScaling())
                .contains(new RopeScaling.Linear(2));
        ModelConfig newer = read(
                "Llama",
                SIZES + ",\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\",\"factor\":8,"
                        + "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}");
        assertThat(newer.ropeTheta()).isEqualTo(500_000);
        assertThat(newer.ropeScaling()).contains(new RopeScaling.Llama3(8, 1, 4, 8192));
        ModelConfig plain =
                read("Qwen3", SIZES + ",\"rope_parameters\":{\"rope_theta\":1e6,\"rope_type\":\"default\"}");
        assertThat(plain.ropeTheta()).isEqualTo(1e6);
        assertThat(plain.ropeScaling()).isEmpty();
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
                "hidden_act | \"gelu\" | silu",
                "hidden_act | 3 | a string",
                "attention_bias | \"no\" | true or false",
                "tie_word_embeddings | 1 | true or false",
                "quantization_config | {\"bits\":4} | none",
                "partial_rotary_factor | 0.5 | 1",
                "rope_scaling | {\"type\":\"yarn\",\"factor\":4} | default, linear or llama3",
                "rope_scaling | {\"rope_type\":\"dynamic\",\"factor\":4} | default, linear or llama3",
                "rope_scaling | {\"factor\":4} | default, linear or llama3",
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
    void slidingWindowsOfQwenAreRefused() {
        assertThatThrownBy(() -> read("Qwen3", SIZES + ",\"use_sliding_window\":true"))
                .hasMessageContaining("use_sliding_window is true, expected false");
        assertThatThrownBy(() -> read("Qwen2", SIZES + ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]"))
                .hasMessageContaining("layer_types");
    }

    @Test
    void otherArchitecturesAreRefused() {
        assertThatThrownBy(() -> read("Gemma3", SIZES))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("architectures is [\"Gemma3ForCausalLM\"], expected one of LlamaForCausalLM");
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
