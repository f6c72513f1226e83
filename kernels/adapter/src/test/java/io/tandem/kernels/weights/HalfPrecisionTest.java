package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class HalfPrecisionTest {
    @Test
    void everyPatternComesBack() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            short pattern = (short) bits;
            float half = HalfPrecision.fromFloat16(pattern);
            float brain = HalfPrecision.fromBfloat16(pattern);
            if (Float.isNaN(half)) {
                assertThat(HalfPrecision.fromFloat16(HalfPrecision.toFloat16(half)))
                        .isNaN();
            } else {
                assertThat(HalfPrecision.toFloat16(half)).isEqualTo(pattern);
            }
            if (Float.isNaN(brain)) {
                assertThat(HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16(brain)))
                        .isNaN();
            } else {
                assertThat(HalfPrecision.toBfloat16(brain)).isEqualTo(pattern);
            }
        }
    }

    @Test
    void knownValues() {
        assertThat(HalfPrecision.fromFloat16((short) 0x3C00)).isEqualTo(1f);
        assertThat(HalfPrecision.fromFloat16((short) 0xC000)).isEqualTo(-2f);
        assertThat(HalfPrecision.fromFloat16((short) 0x7BFF)).isEqualTo(65504f);
        assertThat(HalfPrecision.fromFloat16((short) 0x0001)).isEqualTo(0x1p-24f);
        assertThat(HalfPrecision.fromBfloat16((short) 0x3F80)).isEqualTo(1f);
        assertThat(HalfPrecision.toFloat16(65519.996f)).isEqualTo((short) 0x7BFF);
        assertThat(HalfPrecision.toFloat16(65520f)).isEqualTo((short) 0x7C00);
        assertThat(HalfPrecision.toFloat16(-1e9f)).isEqualTo((short) 0xFC00);
        assertThat(HalfPrecision.toBfloat16(Float.MAX_VALUE)).isEqualTo((short) 0x7F80);
        // A NaN whose payload lies in the low half only.
        assertThat(HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16(Float.intBitsToFloat(0x7F800001))))
                .isNaN();
    }

    @Test
    void tiesGoToEven() {
        assertThat(HalfPrecision.toBfloat16(Float.intBitsToFloat(0x3F808000))).isEqualTo((short) 0x3F80);
        assertThat(HalfPrecision.toBfloat16(Float.intBitsToFloat(0x3F818000))).isEqualTo((short) 0x3F82);
        assertThat(HalfPrecision.toFloat16(1 + 0x1p-11f)).isEqualTo((short) 0x3C00);
        assertThat(HalfPrecision.toFloat16(1 + 3 * 0x1p-11f)).isEqualTo((short) 0x3C02);
        assertThat(HalfPrecision.toFloat16(0x1p-25f)).isEqualTo((short) 0);
        assertThat(HalfPrecision.toFloat16(3 * 0x1p-25f)).isEqualTo((short) 2);
    }

    @Test
    void noNeighbourIsNearer() {
        Random random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            float value = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(30) - 20));
            short bits = HalfPrecision.toFloat16(value);
            double error = Math.abs(HalfPrecision.fromFloat16(bits) - (double) value);
            for (int step = -1; step <= 1; step += 2) {
                float neighbour = HalfPrecision.fromFloat16((short) (bits + step));
                assertThat(Float.isNaN(neighbour) || Math.abs(neighbour - (double) value) >= error)
                        .as("" + value)
                        .isTrue();
            }
        }
    }
}
