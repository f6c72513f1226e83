package io.tandem.kernels.quantized;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.QuantizedFiles;
import io.tandem.kernels.testing.QuantizedFiles.Linear;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Packed integers against the numbers that they were packed from; products of a float16 and a code are exact. */
class QuantizedCheckpointTest {
    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @ParameterizedTest
    @CsvSource({"4, 1, true", "4, 0, true", "4, 1, false", "8, 1, true", "8, 0, false"})
    void gptq(int bits, int offset, boolean symmetric) throws IOException {
        Linear linear = Linear.random(random, 16, 24, bits, 3, symmetric);
        new QuantizedFiles()
                .gptq("a", linear, bits, offset, true)
                .floats("norm.weight", new float[] {1, 2}, 2)
                .floats("a.bias", new float[16], 16)
                .write(directory);
        config("\"gptq\",\"bits\":" + bits + ",\"group_size\":8,\"desc_act\":false,\"checkpoint_format\":\""
                + (offset == 1 ? "gptq" : "gptq_v2") + "\"");
        Checkpoint checkpoint = ModelSource.open(directory).weights();
        assertThat(checkpoint.names()).containsExactly("a.bias", "a.weight", "norm.weight");
        assertThat(checkpoint.entry("a.weight").shape()).containsExactly(16, 24);
        assertThat(checkpoint.floats("a.weight")).containsExactly(linear.values());
        assertThat(checkpoint.floats("norm.weight")).containsExactly(1, 2);
    }

    @Test
    void gptqWithInputsInAnyOrder() throws IOException {
        Linear linear = Linear.random(random, 8, 32, 4, 4, false);
        for (int i = 0; i < 32; i++) {
            linear.group()[i] = random.nextInt(4);
        }
        new QuantizedFiles().gptq("a", linear, 4, 1, true).write(directory);
        config("\"gptq\",\"bits\":4,\"group_size\":8,\"desc_act\":true");
        assertThat(ModelSource.open(directory).weights().floats("a.weight")).containsExactly(linear.values());
    }

    @Test
    void gptqWithOneGroupAndNoIndex() throws IOException {
        Linear linear = Linear.random(random, 8, 32, 4, 1, true);
        new QuantizedFiles().gptq("a", linear, 4, 1, false).write(directory);
        config("\"gptq\",\"bits\":4,\"group_size\":-1");
        assertThat(ModelSource.open(directory).weights().floats("a.weight")).containsExactly(linear.values());
    }

    @Test
    void awq() throws IOException {
        Linear linear = Linear.random(random, 24, 20, 4, 2, false);
        new QuantizedFiles().awq("a", linear).write(directory);
        config("\"awq\",\"bits\":4,\"group_size\":10,\"zero_point\":true,\"version\":\"gemm\"");
        assertThat(ModelSource.open(directory).weights().floats("a.weight")).containsExactly(linear.values());
    }

    @ParameterizedTest
    @CsvSource({"4, 1", "4, 3", "8, 1", "8, 3"})
    void compressedTensors(int bits, int groups) throws IOException {
        // 27 inputs do not fill the last integer.
        Linear linear = Linear.random(random, 5, 27, bits, groups, true);
        String weights = "\"config_groups\":{\"group_0\":{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":" + bits
                + ",\"type\":\"int\",\"symmetric\":true,\"strategy\":\"group\"}}}";
        new QuantizedFiles().packed("a", linear, bits).write(directory);
        config("\"compressed-tensors\",\"format\":\"pack-quantized\"," + weights);
        Checkpoint packed = ModelSource.open(directory).weights();
        assertThat(packed.names()).containsExactly("a.weight");
        assertThat(packed.floats("a.weight")).containsExactly(linear.values());
        new QuantizedFiles()
                .plain("a", linear, bits)
                .floats("b.weight", new float[] {1, 2}, 1, 2)
                .write(directory);
        config("\"compressed-tensors\",\"format\":\"int-quantized\"," + weights);
        Checkpoint plain = ModelSource.open(directory).weights();
        assertThat(plain.floats("a.weight")).containsExactly(linear.values());
        assertThat(plain.floats("b.weight")).containsExactly(1, 2);
    }

    @Test
    void aScaleForTheWholeTensor() throws IOException {
        new QuantizedFiles()
                .plain("a", Linear.random(random, 4, 6, 8, 1, true), 8)
                .halves("a.weight_scale", new float[] {0.5f}, 1)
                .write(directory);
        config(
                "\"compressed-tensors\",\"format\":\"int-quantized\",\"config_groups\":{\"g\":{\"weights\":{\"num_bits\":8}}}");
        for (float value : ModelSource.open(directory).weights().floats("a.weight")) {
            assertThat(value * 2).isEqualTo(Math.round(value * 2));
        }
    }

    @Test
    void partsThatDoNotFitAreRefusedByName() throws IOException {
        Linear linear = Linear.random(random, 8, 16, 4, 2, false);
        String gptq = "\"gptq\",\"bits\":4,\"group_size\":8";
        refuses(new QuantizedFiles().ints("a.qweight", new int[16], 2, 8), gptq, "no tensor a.qzeros");
        refuses(whole(linear).ints("a.qzeros", new int[2], 2, 1).ints("a.g_idx", new int[3], 3), gptq, "a.g_idx");
        refuses(
                whole(linear).ints("a.qzeros", new int[4], 4, 1),
                gptq,
                "a.qzeros I32[4, 1], expected I32 of shape [2, 1]");
        refuses(whole(linear).halves("a.scales", new float[8], 1, 8), gptq, "a.scales F16[1, 8]");
        refuses(whole(linear).ints("a.scales", new int[16], 2, 8), gptq, "floating point of shape [2, 8]");
        int[] groups = new int[16];
        groups[3] = 2;
        refuses(whole(linear).ints("a.g_idx", groups, 16), gptq, "groups from 0 to 1 but holds 2");
        groups[3] = -1;
        refuses(whole(linear).ints("a.g_idx", groups, 16), gptq, "groups from 0 to 1 but holds -1");
        refuses(whole(linear).ints("a.qweight", new int[0], 0, 8), gptq, "a matrix of I32");
        refuses(whole(linear).ints("a.qweight", new int[14], 2, 7), gptq, "a multiple of 8 columns");
        refuses(whole(linear).floats("a.qweight", new float[16], 2, 8), gptq, "a matrix of I32");
        String packed =
                "\"compressed-tensors\",\"format\":\"pack-quantized\",\"config_groups\":{\"g\":{\"weights\":{\"num_bits\":4}}}";
        Linear even = Linear.random(random, 8, 16, 4, 2, true);
        refuses(new QuantizedFiles().packed("a", even, 8), packed, "4 bits for each of weight_shape 8 by 16");
        refuses(new QuantizedFiles().ints("a.weight_packed", new int[16], 8, 2), packed, "no tensor a.weight_shape");
        refuses(
                new QuantizedFiles().packed("a", even, 4).ints("a.weight_zero_point", new int[1], 1),
                packed,
                "symmetric quantization");
        refuses(
                new QuantizedFiles().packed("a", even, 4).halves("a.weight_scale", new float[24], 8, 3),
                packed,
                "groups of the same size for 16 inputs");
        refuses(
                new QuantizedFiles().packed("a", even, 4).halves("a.weight_scale", new float[4], 4, 1),
                packed,
                "8 rows of scales");
    }

    private static QuantizedFiles whole(Linear linear) {
        return new QuantizedFiles().gptq("a", linear, 4, 1, true);
    }

    private void refuses(QuantizedFiles files, String config, String message) throws IOException {
        files.write(directory);
        config(config);
        assertThatThrownBy(() -> ModelSource.open(directory).weights().floats("a.weight"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(message);
    }

    private void config(String quantization) throws IOException {
        Files.writeString(
                directory.resolve("config.json"), "{\"quantization_config\":{\"quant_method\":" + quantization + "}}");
    }
}
