package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.GgufBlock;
import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A model in a GGUF file computes, to the last bit, what one with the same numbers in safetensors does. */
class GgufDeviceTest {
    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    @ParameterizedTest
    @EnumSource(
            value = GgufBlock.Type.class,
            names = {"Q4_0", "Q8_0", "Q4_K"})
    void blocks(GgufBlock.Type type) throws IOException {
        Random random = seeded.random();
        int width = Math.max(64, type.elements);
        ModelConfig config = ModelConfig.llama(2, width, 4, 2, width / 4, width, 61)
                .maxPositions(512)
                .build();
        TinyModel tiny = TinyModel.of(config, random.nextLong());
        assertSame(tiny, new GgufModel("llama", config).weights(tiny, type, random), random);
    }

    @ParameterizedTest
    @EnumSource(GgufModel.Plain.class)
    void plainNumbers(GgufModel.Plain type) throws IOException {
        Random random = seeded.random();
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        assertSame(tiny, new GgufModel("llama", tiny.config()).weights(tiny, type), random);
    }

    @Test
    void rowsThatAreNotPermuted() throws IOException {
        Random random = seeded.random();
        TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN2, random.nextLong());
        assertSame(tiny, new GgufModel("qwen2", tiny.config()).weights(tiny, GgufModel.Plain.F32), random);
    }

    private void assertSame(TinyModel tiny, GgufModel model, Random random) throws IOException {
        Path file = directory.resolve("model.gguf");
        model.file().write(file);
        TinyModel same = tiny.withWeights((name, values) -> model.numbers().get(name));
        int[] tokens = Devices.tokens(random, 12, tiny.config().vocab());
        try (TorchScriptDecoder read = TorchScriptDecoder.load(
                        ModelSource.open(file), Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP), LoadProgress.NONE);
                TorchScriptDecoder expected = Devices.load(same, Dtype.FLOAT32)) {
            assertThat(scores(read, tokens)).containsExactly(scores(expected, tokens));
        }
    }

    private static float[] scores(TorchScriptDecoder device, int[] tokens) {
        return Devices.byToken(
                Devices.run(device, Devices.segment(0, 0, tokens, IterationInputs.BASE, Devices.scored(device)))
                        .draws()
                        .get(0));
    }
}
