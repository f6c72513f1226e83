package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TinyModelRoundTripTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    void everyVariantReadsBackAsItWasMade(TinyModel.Variant variant) throws IOException {
        TinyModel model = TinyModel.of(variant, 7);
        model.write(directory);
        assertThat(ModelConfigReader.read(directory)).isEqualTo(model.config());
        Checkpoint checkpoint = Checkpoint.open(directory);
        WeightNames.validate(checkpoint, model.config());
        assertWeights(model, checkpoint);
    }

    @ParameterizedTest
    @EnumSource(
            value = StoredType.class,
            names = {"F32", "BF16"})
    void shardsHoldTheSameWeights(StoredType dtype) throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.QWEN2, 8);
        model.write(directory, dtype, 3);
        assertThat(directory.resolve("model.safetensors")).doesNotExist();
        Checkpoint checkpoint = Checkpoint.open(directory);
        WeightNames.validate(checkpoint, model.config());
        assertThat(checkpoint.entry("model.norm.weight").dtype()).isEqualTo(dtype);
        assertWeights(model, checkpoint);
    }

    @Test
    void aModelWithATokenizerBringsItsFiles() throws IOException {
        TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 9);
        model.write(directory);
        assertThat(ModelConfigReader.read(directory.resolve("config.json")).vocab())
                .isEqualTo(260);
        for (String name : new String[] {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
            JsonFields.read(directory.resolve(name), 1 << 20);
        }
    }

    @Test
    void missingAndMisshapenTensorsAreAllCounted() throws IOException {
        TinyModel.of(TinyModel.Variant.LLAMA, 10).write(directory);
        ModelConfig other = TinyModel.of(TinyModel.Variant.QWEN3, 10).config();
        // Two layers of q, k, v, o in other shapes and two absent norms each.
        assertThatThrownBy(() -> WeightNames.validate(Checkpoint.open(directory), other))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("12 tensors do not fit")
                .hasMessageContaining("model.layers.0.self_attn.q_proj.weight is [32, 32], expected [64, 32]")
                .hasMessageContaining("model.layers.0.self_attn.q_norm.weight is missing, expected [16]");
    }

    @Test
    void theSameTensorsGiveTheSameBytes() throws IOException {
        TinyModel.of(TinyModel.Variant.LLAMA, 11).write(directory.resolve("a"));
        TinyModel.of(TinyModel.Variant.LLAMA, 11).write(directory.resolve("b"));
        assertThat(Files.mismatch(directory.resolve("a/model.safetensors"), directory.resolve("b/model.safetensors")))
                .isEqualTo(-1);
    }

    private static void assertWeights(TinyModel model, Checkpoint checkpoint) {
        assertThat(checkpoint.names())
                .containsExactlyInAnyOrderElementsOf(model.weights().keySet());
        model.weights().forEach((name, values) -> Tolerances.EXACT.check(name, values, checkpoint.floats(name)));
    }
}
