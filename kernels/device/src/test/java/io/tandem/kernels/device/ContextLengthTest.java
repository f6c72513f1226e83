package io.tandem.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import org.junit.jupiter.api.Test;

class ContextLengthTest {
    /** 24 layers with two heads of 64: 24,576 bytes of keys and values for a token in float32. */
    private static final ModelConfig MODEL = ModelConfig.llama(24, 896, 14, 2, 64, 4864, 151_936)
            .maxPositions(32_768)
            .build();

    private static int choose(int asked, int slots, long memoryBytes) {
        return ContextLength.choose(
                MODEL,
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, slots, asked, 256, 4, 8, 256, Stash.KEEP),
                memoryBytes);
    }

    @Test
    void whatIsAskedForIsCutToTheModelsOwn() {
        assertThat(choose(2048, 32, 1)).isEqualTo(2048);
        assertThat(choose(100_000, 32, 1L << 50)).isEqualTo(32_768);
    }

    @Test
    void anOpenLengthIsTheModelsOwnIfTheMemoryHoldsIt() {
        assertThat(choose(0, 32, 8L * 32 * 24_576 * 32_768)).isEqualTo(32_768);
    }

    @Test
    void anOpenLengthIsCutToAnEighthOfTheMemory() {
        assertThat(choose(0, 32, 8L * 32 * 24_576 * 5000)).isEqualTo(5000);
        assertThat(choose(0, 16, 8L * 32 * 24_576 * 5000)).isEqualTo(10_000);
    }

    @Test
    void aSmallMachineHasAContextAllTheSame() {
        assertThat(choose(0, 32, 1 << 20)).isEqualTo(1024);
    }
}
