package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Rotary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables against numbers that were computed in Python by the formulas of transformers. */
class RopeTableTest {
    private static final String SIZES = "\"hidden_size\":64,\"num_hidden_layers\":1,\"num_attention_heads\":4,"
            + "\"intermediate_size\":8,\"vocab_size\":9,\"rope_theta\":10000,";

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "64 | 64 | {\"type\":\"linear\",\"factor\":4} | 1 | 0.25 0.0790569415 0.025 0.00790569415",
                // stretched by 0.1 ln 4 + 1
                "64 | 256 | {\"type\":\"yarn\",\"factor\":4,\"beta_fast\":16,\"beta_slow\":2} | 1.13862944"
                        + " | 1 0.197642354 0.025 0.00790569415 0.0025",
                "64 | 256 | {\"type\":\"yarn\",\"factor\":4,\"beta_fast\":16,\"beta_slow\":2,\"truncate\":false,"
                        + "\"attention_factor\":1} | 1 | 1 0.148490247 0.025 0.00790569415 0.0025",
                "48 | 96 | {\"type\":\"dynamic\",\"factor\":2} | 1 | 1 0.270296126 0.0730599956 0.0197478337 0.00533776295",
                "48 | 48 | {\"type\":\"dynamic\",\"factor\":2} | 1 | 1 0.316227766 0.1 0.0316227766 0.01",
                // sqrt(1 + ln 4 / ln 16), whether short or long
                "64 | 16 | {\"type\":\"longrope\",\"original_max_position_embeddings\":16,"
                        + "\"short_factor\":[1,1,2,2,1,1,1,1],\"long_factor\":[4,2,1,1,1,1,1,1]} | 1.22474487"
                        + " | 1 0.316227766 0.05 0.0158113883",
                "64 | 17 | {\"type\":\"longrope\",\"original_max_position_embeddings\":16,"
                        + "\"short_factor\":[1,1,2,2,1,1,1,1],\"long_factor\":[4,2,1,1,1,1,1,1]} | 1.22474487"
                        + " | 0.25 0.158113883 0.1 0.0316227766",
            })
    void theLongestContextDecides(int trained, int context, String scaling, double stretch, String frequencies)
            throws IOException {
        Files.writeString(
                directory.resolve("config.json"),
                "{\"architectures\":[\"LlamaForCausalLM\"],\"max_position_embeddings\":" + trained + "," + SIZES
                        + "\"rope_scaling\":" + scaling + "}");
        ModelConfig model = ModelConfigReader.read(directory);
        assertThat(model.maxPositions()).isGreaterThanOrEqualTo(context);
        Rotary rotary = model.rotaries().get(0);
        RopeTable table = RopeTable.of(rotary, context);
        double[] expected = Arrays.stream(frequencies.split(" "))
                .mapToDouble(Double::parseDouble)
                .toArray();
        for (int position : new int[] {0, 1, 5, context - 1}) {
            for (int i = 0; i < expected.length; i++) {
                int at = position * rotary.width() + i;
                double angle = position * expected[i];
                assertThat((double) table.cos()[at])
                        .as("cosine %d at %d", i, position)
                        .isCloseTo(stretch * Math.cos(angle), within(1e-5));
                assertThat((double) table.sin()[at + rotary.width() / 2])
                        .as("sine %d at %d", i, position)
                        .isCloseTo(stretch * Math.sin(angle), within(1e-5));
            }
        }
    }
}
