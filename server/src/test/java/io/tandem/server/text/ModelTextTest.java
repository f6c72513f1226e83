package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
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
    void fallsBackToTheConfiguration() throws IOException {
        Path generation = directory.resolve("generation_config.json");
        Files.writeString(generation, "{\"eos_token_id\": 7}");
        assertThat(load().stopTokens()).containsExactly(7);
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

    private ServedModel load() {
        return ModelText.load(directory, "tiny", tiny.config(), 256);
    }
}
