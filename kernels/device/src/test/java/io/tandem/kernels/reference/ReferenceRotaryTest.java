package io.tandem.kernels.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ReferenceRotaryTest {
    /** Multiplication of x[j] + i x[j + d/2] by e^(i position theta^(-2j/d)), spelled out for a head of 8. */
    @Test
    void aHeadTurnsAsComplexNumbersDo() {
        ReferenceRotary rotary =
                new ReferenceRotary(TinyModel.of(TinyModel.Variant.LLAMA, 1).config());
        double[] x = {1, 0, 2, 0, 0, 3, 0, 1};
        double position = 7;
        double[] angle = {position, position / 10, position / 100, position / 1000};
        double[] expected = {
            Math.cos(angle[0]),
            3 * -Math.sin(angle[1]),
            2 * Math.cos(angle[2]),
            -Math.sin(angle[3]),
            Math.sin(angle[0]),
            3 * Math.cos(angle[1]),
            2 * Math.sin(angle[2]),
            Math.cos(angle[3]),
        };
        Tolerances.FLOAT64.check("rotated", expected, rotary.rotate(x, 7));
        Tolerances.EXACT.check("position 0", x, rotary.rotate(x, 0));
    }

    @Test
    void productsDependOnTheDistanceOnly() {
        ReferenceRotary rotary =
                new ReferenceRotary(TinyModel.of(TinyModel.Variant.LLAMA3, 1).config());
        Random random = new Random(2);
        double[] q = random.doubles(16).toArray();
        double[] k = random.doubles(16).toArray();
        double near = product(rotary.rotate(q, 5), rotary.rotate(k, 2));
        assertThat(product(rotary.rotate(q, 403), rotary.rotate(k, 400))).isCloseTo(near, within(1e-9));
        assertThat(product(rotary.rotate(q, 6), rotary.rotate(k, 2))).isNotCloseTo(near, within(1e-3));
    }

    @Test
    void linearScalingIsAPositionDivided() {
        ModelConfig scaled = TinyModel.of(TinyModel.Variant.LLAMA_LINEAR, 1).config();
        ReferenceRotary plain =
                new ReferenceRotary(TinyModel.of(TinyModel.Variant.LLAMA, 1).config());
        double[] x = new Random(3).doubles(8).toArray();
        Tolerances.FLOAT64.check("position 12 of 4", plain.rotate(x, 3), new ReferenceRotary(scaled).rotate(x, 12));
    }

    /**
     * Factor 8, low 1, high 4, original context 32: wavelengths under 8 stay (6.28), those over 32 are divided
     * (62.8 and more), and 19.87 lies between: its share is (32 / 19.87 - 1) / 3 = 0.2035.
     */
    @Test
    void llama3ScalingKeepsShortWavesAndStretchesLongOnes() {
        ReferenceRotary rotary =
                new ReferenceRotary(TinyModel.of(TinyModel.Variant.LLAMA3, 1).config());
        double second = Math.pow(10, -0.5);
        double share = (32 / (2 * Math.PI / second) - 1) / 3;
        assertThat(share).isCloseTo(0.2035, within(1e-4));
        double[] expected = {1, share * second + (1 - share) * second / 8, 0.1 / 8, Math.pow(10, -1.5) / 8, 0.01 / 8};
        for (int j = 0; j < expected.length; j++) {
            assertThat(rotary.frequency(j)).as("frequency " + j).isCloseTo(expected[j], within(1e-12));
        }
    }

    private static double product(double[] x, double[] y) {
        double sum = 0;
        for (int j = 0; j < x.length; j++) {
            sum += x[j] * y[j];
        }
        return sum;
    }
}
