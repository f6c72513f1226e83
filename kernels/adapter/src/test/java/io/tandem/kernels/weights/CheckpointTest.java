package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
    @TempDir
    Path directory;

    @Test
    void tensorsAreFoundInTheirShards() throws IOException {
        shard("one.safetensors", "a", 1);
        shard("two.safetensors", "b", 2);
        index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThat(checkpoint.names()).containsExactly("a", "b");
        assertThat(checkpoint.floats("b")).containsExactly(2f);
        assertThatThrownBy(() -> checkpoint.floats("c"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("no tensor c");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../one.safetensors",
                "sub/one.safetensors",
                "/etc/one.safetensors",
                "..\\\\one.safetensors",
                "C:one.safetensors",
                ".safetensors",
                "..",
                "",
                "one.bin",
                "one\\u0000.safetensors"
            })
    void shardsStayInTheDirectory(String name) throws IOException {
        shard("one.safetensors", "a", 1);
        index("{\"weight_map\":{\"a\":\"" + name + "\"}}");
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("weight_map.a")
                .hasMessageContaining("of the same directory");
    }

    @Test
    void missingShardsAndTensorsAreNamed() throws IOException {
        shard("one.safetensors", "a", 1);
        index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}");
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .hasMessageContaining("1 listed tensors are missing: b in one.safetensors");
        index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
        assertThatThrownBy(() -> Checkpoint.open(directory)).hasMessageContaining("two.safetensors: no such file");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"weight_map\":[]}", "{\"weight_map\":{\"a\":3}}", "{\"weight_map\":{\"a\":null}}"})
    void anIndexOfAnotherFormIsRefused(String json) throws IOException {
        index(json);
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("weight_map");
    }

    @Test
    void pickledWeightsAreNotLookedFor() throws IOException {
        Files.write(directory.resolve("pytorch_model.bin"), new byte[10]);
        assertThatThrownBy(() -> Checkpoint.open(directory)).hasMessageContaining("pickled weights are never read");
    }

    private void shard(String name, String tensor, float value) throws IOException {
        SafetensorsWriter.write(
                directory.resolve(name),
                Map.of(tensor, new Tensor(StoredType.F32, new long[] {1}, new float[] {value})));
    }

    private void index(String json) throws IOException {
        Files.writeString(directory.resolve("model.safetensors.index.json"), json);
    }
}
