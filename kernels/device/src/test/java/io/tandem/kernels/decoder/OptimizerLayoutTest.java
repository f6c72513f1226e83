package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.OptimizerLayout.Region;
import io.tandem.kernels.device.Assumed;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class OptimizerLayoutTest {
    private static OptimizerConfig config(Method method, double ratio) {
        return new OptimizerConfig(method, 0.9, 0.999, 1e-8, 0, 1, ratio);
    }

    @Provide
    Arbitrary<List<Factor>> factors() {
        Arbitrary<Integer> lengths = Arbitraries.of(1, 255, 256, 257, 1023, 1024, 1025, 4096, 8192, 300_000, 1 << 19);
        return lengths.list()
                .ofMinSize(1)
                .ofMaxSize(12)
                .map(all -> all.stream()
                        .map(length -> new Factor(length % 3 == 0 ? LowRank.B : LowRank.A, length))
                        .toList());
    }

    @Test
    void virtualTokensKeepTheirStateIn32Bits() {
        List<Factor> factors = List.of(new Factor(LowRank.A, 4096), new Factor(Prefix.EMBEDDINGS, 20 * 256));
        OptimizerLayout layout = OptimizerLayout.of(factors, config(Method.ADAMW_8BIT, 1));
        assertThat(layout.regions().stream().map(Region::quantized)).containsExactly(true, false);
        assertThat(layout.stateBytes())
                .isEqualTo(Method.ADAMW_8BIT.stateBytes(4096) + Method.ADAMW.stateBytes(20 * 256));
    }

    @Property(tries = 200)
    void everyNumberHasOneRegionAndOnePlace(
            @ForAll("factors") List<Factor> factors, @ForAll Method method, @ForAll boolean plus) {
        OptimizerLayout layout = OptimizerLayout.of(factors, config(method, plus ? 4 : 1));
        int start = 0;
        int[] at = new int[2];
        int block = 0;
        for (Region region : layout.regions()) {
            int kind = region.quantized() ? 1 : 0;
            assertThat(region.start()).isEqualTo(start);
            assertThat(region.at()).isEqualTo(at[kind]);
            assertThat(region.length()).isBetween(1, Assumed.REGION_PARAMETERS);
            if (region.quantized()) {
                assertThat(region.block()).isEqualTo(block);
                block += (region.length() + 255) / 256;
            }
            start += region.length();
            at[kind] += region.length();
        }
        assertThat(start).isEqualTo(factors.stream().mapToInt(Factor::length).sum());
        int small = factors.stream()
                .mapToInt(Factor::length)
                .filter(length -> length < 1024)
                .sum();
        assertThat(at[1]).isEqualTo(method == Method.ADAMW_8BIT ? start - small : 0);
        assertThat(layout.stateBytes())
                .as("what a plan says before anything is laid out")
                .isEqualTo(factors.stream()
                        .mapToLong(factor -> method.stateBytes(factor.length()))
                        .sum());
    }

    /** A block never spans two factors, so that the largest number of one does not coarsen the other. */
    @Property(tries = 200)
    void everyQuantizedFactorBeginsABlock(@ForAll("factors") List<Factor> factors) {
        List<Region> regions =
                OptimizerLayout.of(factors, config(Method.ADAMW_8BIT, 1)).regions();
        int start = 0;
        for (Factor factor : factors) {
            int first = start;
            Region region = regions.stream()
                    .filter(r -> r.start() <= first && first < r.start() + r.length())
                    .findFirst()
                    .orElseThrow();
            assertThat(region.quantized()).isEqualTo(factor.length() >= 1024);
            if (region.quantized()) {
                assertThat((first - region.start()) % 256).isZero();
            }
            start += factor.length();
        }
    }

    @Property(tries = 200)
    void theStateHasThePlannedBytes(
            @ForAll("factors") List<Factor> factors, @ForAll Method method, @ForAll boolean plus) {
        long planned = factors.stream()
                .mapToLong(factor -> method.stateBytes(factor.length()))
                .sum();
        assertThat(OptimizerLayout.of(factors, config(method, plus ? 4 : 1)).stateBytes())
                .isEqualTo(planned);
    }

    @Property(tries = 100)
    void eightBitsTakeAboutAQuarterOfTheBytes(@ForAll @IntRange(min = 1024, max = 1 << 24) int numbers) {
        long full = Method.ADAMW.stateBytes(numbers);
        assertThat(Method.ADAMW_8BIT.stateBytes(numbers)).isBetween(full / 4, full * 27 / 100);
    }
}
