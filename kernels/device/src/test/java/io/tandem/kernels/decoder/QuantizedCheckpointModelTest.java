package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.QuantizedFiles;
import io.tandem.kernels.testing.QuantizedFiles.Linear;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A model whose linears are quantized in its files computes what one with the same numbers in float32 does. */
class QuantizedCheckpointModelTest {
    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    @Test
    void computesWhatItsNumbersSay() throws IOException {
        Random random = seeded.random();
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        tiny.write(directory);
        QuantizedFiles files = new QuantizedFiles();
        Map<String, float[]> numbers = new HashMap<>();
        WeightNames.expected(tiny.config()).forEach((name, shape) -> {
            if (name.contains("_proj.weight") && shape[0] % 8 == 0 && shape[1] % 8 == 0) {
                Linear linear = Linear.random(random, (int) shape[0], (int) shape[1], 4, (int) shape[1] / 8, false);
                files.gptq(name.substring(0, name.length() - ".weight".length()), linear, 4, 1, true);
                numbers.put(name, linear.values());
            } else {
                files.floats(name, tiny.weights().get(name), shape);
            }
        });
        assertThat(numbers).isNotEmpty();
        files.write(directory);
        Path config = directory.resolve("config.json");
        String json = Files.readString(config);
        Files.writeString(
                config,
                json.substring(0, json.lastIndexOf('}'))
                        + ",\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":8}}");
        int[] tokens = Devices.tokens(random, 12, tiny.config().vocab());
        TinyModel plain = tiny.withWeights((name, values) -> numbers.getOrDefault(name, values));
        try (TorchScriptDecoder quantized = TorchScriptDecoder.load(
                        ModelSource.open(directory),
                        Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP),
                        LoadProgress.NONE);
                TorchScriptDecoder expected = Devices.load(plain, Dtype.FLOAT32)) {
            assertThat(scores(quantized, tokens)).containsExactly(scores(expected, tokens));
        }
    }

    private static float[] scores(TorchScriptDecoder device, int[] tokens) {
        return Devices.byToken(
                Devices.run(device, Devices.segment(0, 0, tokens, IterationInputs.BASE, Devices.scored(device)))
                        .draws()
                        .get(0));
    }
}
