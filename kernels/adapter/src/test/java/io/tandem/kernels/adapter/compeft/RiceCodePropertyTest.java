package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.testing.Seeded;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RiceCodePropertyTest {
    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private static TernaryTensor random(long seed, int length, double density) {
        Random random = new Random(seed);
        int[] positions = new int[length];
        BitSet negative = new BitSet();
        int count = 0;
        for (int i = 0; i < length; i++) {
            if (random.nextDouble() < density) {
                negative.set(count, random.nextBoolean());
                positions[count++] = i;
            }
        }
        return new TernaryTensor(length, 0.5f, Arrays.copyOf(positions, count), negative);
    }

    /** The code as text, entry by entry as the format tells it. */
    private static String text(TernaryTensor tensor, int parameter) {
        StringBuilder text = new StringBuilder();
        int previous = -1;
        for (int i = 0; i < tensor.positions().length; i++) {
            int zeros = tensor.positions()[i] - previous - 1;
            int divisor = (int) Math.pow(2, parameter);
            text.append("1".repeat(zeros / divisor)).append('0');
            if (parameter > 0) {
                String remainder = Integer.toBinaryString(zeros % divisor);
                text.append("0".repeat(parameter - remainder.length())).append(remainder);
            }
            text.append(tensor.negative().get(i) ? '1' : '0');
            previous = tensor.positions()[i];
        }
        return text.toString();
    }

    private static byte[] encoded(TernaryTensor tensor, int parameter) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        RiceCode.encode(tensor, parameter, out);
        return out.toByteArray();
    }

    @Property
    void theBitsAreThoseOfTheDefinition(
            @ForAll long seed,
            @ForAll @IntRange(max = 300) int length,
            @ForAll @DoubleRange(max = 1) double density,
            @ForAll @IntRange(max = 12) int parameter) {
        TernaryTensor tensor = random(seed, length, density);
        StringBuilder bits = new StringBuilder();
        for (byte value : encoded(tensor, parameter)) {
            bits.append(Integer.toBinaryString(256 + Byte.toUnsignedInt(value)).substring(1));
        }
        String expected = text(tensor, parameter);
        assertThat(bits.toString()).isEqualTo(expected + "0".repeat((8 - expected.length() % 8) % 8));
    }

    @Property
    void whatIsEncodedIsDecoded(
            @ForAll long seed,
            @ForAll @IntRange(max = 5000) int length,
            @ForAll @DoubleRange(max = 1) double density,
            @ForAll @IntRange(max = RiceCode.MAX_PARAMETER) int parameter) {
        TernaryTensor tensor = random(seed, length, density);
        ByteInput in = new ByteInput("x", encoded(tensor, parameter));
        assertThat(RiceCode.decode(in, length, 0.5f, tensor.positions().length, parameter))
                .usingRecursiveComparison()
                .isEqualTo(tensor);
        assertThat(in.remaining()).isZero();
    }

    @Property(tries = 200)
    void noParameterIsBetterThanTheBest(
            @ForAll long seed, @ForAll @IntRange(max = 2000) int length, @ForAll @DoubleRange(max = 1) double density) {
        TernaryTensor tensor = random(seed, length, density);
        int best = text(tensor, RiceCode.bestParameter(tensor.positions())).length();
        for (int parameter = 0; parameter <= 16; parameter++) {
            assertThat(best).isLessThanOrEqualTo(text(tensor, parameter).length());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.01, 0.05, 0.1, 0.2, 0.3, 0.5})
    void theSizeIsThatOfTheFormulaAndCloseToTheEntropy(double density) {
        int length = 400_000;
        TernaryTensor tensor = random(seeded.seed(), length, density);
        double kept = (double) tensor.positions().length / length;
        double bits = 8.0 * encoded(tensor, RiceCode.bestParameter(tensor.positions())).length / length;
        double golden = (1 + Math.sqrt(5)) / 2;
        double parameter = Math.max(0, 1 + Math.floor(log2(Math.log(golden - 1) / Math.log(1 - kept))));
        double formula = kept * (parameter + 1 / (1 - Math.pow(1 - kept, Math.pow(2, parameter))) + 1);
        double entropy = -(1 - kept) * log2(1 - kept) - kept * log2(kept / 2);
        assertThat(bits).isCloseTo(formula, within(0.002 * formula));
        assertThat(bits).isBetween(0.99 * entropy, 1.04 * entropy);
    }

    private static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }
}
