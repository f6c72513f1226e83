package io.tandem.loadtest.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RandomModelTest {
    private static final ModelConfig SMALL = ModelConfig.llama(2, 64, 4, 2, 16, 96, 300)
            .maxPositions(128)
            .tied(true)
            .build();

    private final RandomWeights weights = new RandomWeights(SMALL, 7);

    @TempDir
    private Path directory;

    @Test
    void tandemReadsTheDirectory() throws IOException {
        AtomicLong made = new AtomicLong();
        HuggingFaceDirectory.write(directory, weights, made::addAndGet);
        assertThat(made).hasValue(weights.count());
        assertThat(ModelConfigReader.read(directory.resolve("config.json"))).isEqualTo(SMALL);
        Checkpoint checkpoint = Checkpoint.open(directory);
        WeightNames.validate(checkpoint, SMALL);
        for (String name : weights.shapes().keySet()) {
            assertThat(checkpoint.floats(name)).as(name).isEqualTo(weights.values(name));
        }
    }

    /** What the models' pages say, but for the biases of Qwen's queries, keys and values. */
    @Test
    void shapesHaveTheParametersOfTheirModels() {
        assertThat(new RandomWeights(RandomWeights.SMOL_135M, 1).count()).isEqualTo(134_515_008);
        assertThat(new RandomWeights(RandomWeights.SMOL_360M, 1).count()).isEqualTo(361_821_120);
        long biases = 28 * (12 + 2 * 2) * 128;
        assertThat(new RandomWeights(RandomWeights.QWEN_1_5B, 1).count() + biases)
                .isEqualTo(1_543_714_304);
    }

    @Test
    void theSameSeedGivesTheSameFiles() throws IOException {
        Path first = directory.resolve("first.gguf");
        Path second = directory.resolve("second.gguf");
        GgufModel.write(first, weights, GgufType.Q8_0, count -> {});
        GgufModel.write(second, new RandomWeights(SMALL, 7), GgufType.Q8_0, count -> {});
        assertThat(second).hasSameBinaryContentAs(first);
        GgufModel.write(second, new RandomWeights(SMALL, 8), GgufType.Q8_0, count -> {});
        assertThat(Files.mismatch(first, second)).isNotNegative();
    }

    @Test
    void ggufHoldsTheSameWeights() throws IOException {
        GgufFile file = write(GgufType.BF16);
        assertThat(file.version()).isEqualTo(3);
        assertThat(file.metadata())
                .containsEntry("general.architecture", "llama")
                .containsEntry("llama.attention.head_count_kv", 2)
                .containsEntry("llama.rope.freq_base", 10_000f);
        assertThat((List<?>) file.metadata().get("tokenizer.ggml.tokens")).hasSize(300);
        assertThat(file.tensors()).hasSize(weights.shapes().size());
        GgufFile.Tensor down = file.tensors().get("blk.1.ffn_down.weight");
        assertThat(down.shape()).containsExactly(96L, 64L);
        assertThat(down.values()).isEqualTo(weights.values("model.layers.1.mlp.down_proj.weight"));
        assertThat(file.tensors().get("output_norm.weight").values()).isEqualTo(weights.values("model.norm.weight"));
        file.tensors()
                .values()
                .forEach(tensor -> assertThat(tensor.offset() % 32).isZero());
    }

    /** What HuggingFace rotates as numbers i and i + 8 of a head of 16, llama.cpp rotates as 2 i and 2 i + 1. */
    @Test
    void rotatedPairsBecomeNeighbours() throws IOException {
        float[] ours = weights.values("model.layers.0.self_attn.k_proj.weight");
        float[] theirs =
                write(GgufType.BF16).tensors().get("blk.0.attn_k.weight").values();
        for (int head = 0; head < 2; head++) {
            for (int i = 0; i < 8; i++) {
                for (int column = 0; column < 64; column++) {
                    int even = (16 * head + 2 * i) * 64 + column;
                    assertThat(theirs[even]).isEqualTo(ours[(16 * head + i) * 64 + column]);
                    assertThat(theirs[even + 64]).isEqualTo(ours[(16 * head + i + 8) * 64 + column]);
                }
            }
        }
    }

    @Test
    void blocksOfEightBitsAreOffByHalfAStepAtMost() throws IOException {
        float[] exact = weights.values("model.layers.0.mlp.up_proj.weight");
        float[] rounded =
                write(GgufType.Q8_0).tensors().get("blk.0.ffn_up.weight").values();
        for (int block = 0; block < exact.length; block += 32) {
            float largest = 0;
            for (int i = block; i < block + 32; i++) {
                largest = Math.max(largest, Math.abs(exact[i]));
            }
            for (int i = block; i < block + 32; i++) {
                // half a code, and what rounding the scale to 16 bits adds to the largest code
                assertThat(rounded[i]).isCloseTo(exact[i], within(largest / 127 * (0.5f + 127 * 0x1p-11f)));
            }
        }
    }

    private GgufFile write(GgufType type) throws IOException {
        Path path = directory.resolve("model.gguf");
        GgufModel.write(path, weights, type, count -> {});
        return GgufFile.read(path);
    }
}
