package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.ModelConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.TargetModule;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import io.tandem.kernels.adapter.compeft.TernaryTies.Join;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TernaryTiesTest {
    private static final Site SITE = new Site(0, TargetModule.Q_PROJ);

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final Random random = new Random();

    private TernaryAdapter random(Set<TargetModule> targets, int rank) {
        Adapter adapter = TinyAdapters.random(model, targets, rank, random.nextLong());
        return new Compressor(adapter)
                .compress(CompressionSettings.of(0.1 + 0.6 * random.nextDouble()))
                .adapter();
    }

    /** TIES over dense tensors in double precision, one position after the other. */
    private static double[] dense(List<float[]> tensors, List<Double> weights, Join join) {
        int length = tensors.get(0).length;
        double[] mass = new double[length];
        double majority = 0;
        for (int p = 0; p < length; p++) {
            for (int i = 0; i < tensors.size(); i++) {
                mass[p] += weights.get(i) * tensors.get(i)[p];
            }
            majority += Math.signum(mass[p]);
        }
        double[] merged = new double[length];
        for (int p = 0; p < length; p++) {
            boolean positive = mass[p] == 0 ? majority >= 0 : mass[p] > 0;
            double sum = 0;
            int count = 0;
            for (int i = 0; i < tensors.size(); i++) {
                double value = weights.get(i) * tensors.get(i)[p];
                if (positive ? value > 0 : value < 0) {
                    sum += value;
                    count++;
                }
            }
            merged[p] = join == Join.MEAN && count > 0 ? sum / count : sum;
        }
        return merged;
    }

    private static double[] widened(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    @ParameterizedTest
    @EnumSource(Join.class)
    void mergingSparseEntriesIsMergingTheDecodedAdapters(Join join) {
        List<TernaryAdapter> adapters = List.of(
                random(LoraConfig.allLinears(), 3),
                random(Set.of(TargetModule.Q_PROJ, TargetModule.DOWN_PROJ), 3),
                random(LoraConfig.allLinears(), 3),
                random(LoraConfig.allLinears(), 3));
        double[] weights = {1, 0.4, -0.7, 0.3};
        Adapter merged = TernaryTies.merge(adapters, weights, join);
        assertThat(merged.modules()).hasSize(model.layers() * TargetModule.values().length);
        merged.modules().forEach((site, module) -> {
            List<float[]> a = new ArrayList<>();
            List<float[]> b = new ArrayList<>();
            List<Double> weightsA = new ArrayList<>();
            List<Double> weightsB = new ArrayList<>();
            for (int i = 0; i < weights.length; i++) {
                LowRank own = adapters.get(i).decode().modules().get(site);
                if (own != null) {
                    a.add(own.a());
                    b.add(own.b());
                    weightsB.add(Math.sqrt(Math.abs(weights[i]) * own.scaling()));
                    weightsA.add(Math.signum(weights[i]) * weightsB.get(weightsB.size() - 1));
                }
            }
            Tolerances.FLOAT32.check(site + " A", dense(a, weightsA, join), widened(module.a()));
            Tolerances.FLOAT32.check(site + " B", dense(b, weightsB, join), widened(module.b()));
            assertThat(module.scaling()).isEqualTo(1);
        });
    }

    private static TernaryAdapter adapter(float scale, int[] positions, int... negative) {
        BitSet signs = new BitSet();
        for (int entry : negative) {
            signs.set(entry);
        }
        TernaryTensor a = new TernaryTensor(4, scale, positions, signs);
        TernaryTensor b = new TernaryTensor(1, 1, new int[] {0}, new BitSet());
        LoraConfig config = new LoraConfig(1, 1, false, Set.of(TargetModule.Q_PROJ), "base");
        return new TernaryAdapter(config, Map.of(SITE, new TernaryLowRank(1, 4, 1, a, b, 1)));
    }

    private static float[] mergedA(Join join, double[] weights, TernaryAdapter... adapters) {
        return TernaryTies.merge(List.of(adapters), weights, join)
                .modules()
                .get(SITE)
                .a();
    }

    @Test
    void theLargerSumElectsTheSign() {
        TernaryAdapter plus = adapter(2, new int[] {0, 1, 2});
        TernaryAdapter minus = adapter(3, new int[] {0, 3}, 0, 1);
        double[] equal = {1, 1};
        assertThat(mergedA(Join.MEAN, equal, plus, minus)).containsExactly(-3, 2, 2, -3);
        TernaryAdapter another = adapter(2, new int[] {0, 1});
        double[] three = {1, 1, 1};
        assertThat(mergedA(Join.MEAN, three, plus, minus, another)).containsExactly(2, 2, 2, -3);
        assertThat(mergedA(Join.SUM, three, plus, minus, another)).containsExactly(4, 4, 2, -3);
    }

    @Test
    void whereTheSumIsZeroTheMajorityElects() {
        TernaryAdapter plus = adapter(2, new int[] {0});
        TernaryAdapter minus = adapter(2, new int[] {0, 1}, 0, 1);
        assertThat(mergedA(Join.MEAN, new double[] {1, 1}, plus, minus)).containsExactly(-2, -2, 0, 0);
        TernaryAdapter opposite = adapter(2, new int[] {0}, 0);
        assertThat(mergedA(Join.MEAN, new double[] {1, 1}, plus, opposite)).containsExactly(2, 0, 0, 0);
    }

    @Test
    void oneAdapterIsItsDecodedSelfWithTheScalingInside() {
        TernaryAdapter one = random(LoraConfig.allLinears(), 2);
        Adapter merged = TernaryTies.merge(List.of(one), new double[] {1}, Join.MEAN);
        one.decode().modules().forEach((site, module) -> {
            double root = Math.sqrt(module.scaling());
            double[] expected = widened(module.a());
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= root;
            }
            Tolerances.FLOAT32.check(
                    site.toString(),
                    expected,
                    widened(merged.modules().get(site).a()));
        });
        assertThat(merged.config().scaling(2)).isEqualTo(1);
    }

    @Test
    void adaptersThatCannotBeMergedAreRefused() {
        TernaryAdapter two = random(LoraConfig.allLinears(), 2);
        TernaryAdapter three = random(LoraConfig.allLinears(), 3);
        refused(List.of(two, three), new double[] {1, 1}, "self_attn.q_proj is [32, 3] [3, 32] and [32, 2] [2, 32]");
        refused(List.of(two), new double[] {1, 1}, "2 weights for 1 adapters");
        refused(List.of(), new double[] {}, "0 weights for 0 adapters");
        refused(List.of(two), new double[] {Double.NaN}, "a weight is NaN");
    }

    private static void refused(List<TernaryAdapter> adapters, double[] weights, String expected) {
        assertThatThrownBy(() -> TernaryTies.merge(adapters, weights, Join.MEAN))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(expected);
    }
}
