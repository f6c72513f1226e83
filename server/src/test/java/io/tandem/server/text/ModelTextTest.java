package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.SamplingDefaults;
import io.tandem.server.config.SamplingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelTextTest {
    private final TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.QWEN2, 1);

    @TempDir
    Path directory;

    @BeforeEach
    void write() throws IOException {
        tiny.write(directory);
    }

    @Test
    void readsWhatTheDirectorySays() throws IOException {
        Files.setLastModifiedTime(directory.resolve("tokenizer.json"), FileTime.fromMillis(1_700_000_000_500L));
        ServedModel model = load();
        assertThat(model.name()).isEqualTo("tiny");
        assertThat(model.contextTokens()).isEqualTo(256);
        assertThat(model.stopTokens()).containsExactly(ByteTokenizer.END_OF_MESSAGE, ByteTokenizer.END_OF_TEXT);
        assertThat(model.created()).isEqualTo(1_700_000_000L);
    }

    @Test
    void stopsAtEveryEndThatAFileNames() throws IOException {
        Path generation = directory.resolve("generation_config.json");
        Files.writeString(generation, "{\"eos_token_id\": 7}");
        assertThat(load().stopTokens())
                .as("the tokenizer's first, since training ends a text with it")
                .containsExactly(ByteTokenizer.END_OF_MESSAGE, 7);
        Path tokenizer = directory.resolve("tokenizer_config.json");
        Files.deleteIfExists(tokenizer);
        Files.writeString(
                directory.resolve("special_tokens_map.json"), "{\"eos_token\": {\"content\": \"<|endoftext|>\"}}");
        assertThat(load().stopTokens()).containsExactly(ByteTokenizer.END_OF_TEXT, 7, ByteTokenizer.END_OF_MESSAGE);
        Files.writeString(tokenizer, "{\"eos_token\": \"no such token\"}");
        assertThat(load().stopTokens()).containsExactly(7, ByteTokenizer.END_OF_MESSAGE);
        Files.delete(tokenizer);
        Files.delete(directory.resolve("special_tokens_map.json"));
        Files.writeString(generation, "{}");
        assertThat(load().stopTokens()).containsExactly(ByteTokenizer.END_OF_MESSAGE);
        Files.delete(generation);
        assertThat(load().stopTokens()).containsExactly(ByteTokenizer.END_OF_MESSAGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"</s>\"", "-1", "260", "[1, null]", "1e3"})
    void refusesStopTokensThatAreNone(String value) throws IOException {
        Files.writeString(directory.resolve("generation_config.json"), "{\"eos_token_id\": " + value + "}");
        assertThatThrownBy(this::load)
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("generation_config.json: eos_token_id");
    }

    @Test
    void requestsSampleAsTheModelsFilesSay() throws IOException {
        Path generation = directory.resolve("generation_config.json");
        assertThat(load().sampling()).isEqualTo(SamplingDefaults.STANDARD);
        Files.writeString(generation, "{\"temperature\": 0.7, \"top_p\": 0.8, \"top_k\": 20}");
        assertThat(load().sampling()).isEqualTo(new SamplingDefaults(0.7, 0.8, 20, 0, 1, 1));
        Files.writeString(generation, "{\"min_p\": 0.1, \"repetition_penalty\": 1.05}");
        assertThat(load().sampling()).isEqualTo(new SamplingDefaults(1, 1, 0, 0.1, 1.05, 1));
        SamplingDefaults own = load().sampling();
        assertThat(new SamplingConfig(false, 1).of(own, tiny.config())).isEqualTo(SamplingDefaults.STANDARD);
        assertThat(new SamplingConfig(true, 1).of(own, tiny.config())).isEqualTo(own);
        Files.writeString(generation, "{\"temperature\": -1, \"top_p\": \"x\", \"top_k\": null}");
        assertThat(load().sampling()).isEqualTo(SamplingDefaults.STANDARD);
    }

    private ServedModel load() {
        return ModelText.load(ModelSource.open(directory), "tiny", tiny.config(), 256);
    }
}
