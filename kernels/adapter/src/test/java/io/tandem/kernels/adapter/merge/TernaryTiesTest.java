package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import io.tandem.kernels.adapter.compeft.TernaryTensor;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class TernaryTiesTest {
    private static final Site SITE = new Site(0, TargetModule.Q_PROJ);

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    private TernaryAdapter random(Set<TargetModule> targets, int rank) {
        Adapter shape = TinyAdapters.random(model, targets, rank, random.nextLong());
        double density = 0.1 + 0.6 * random.nextDouble();
        Map<Site, TernaryLowRank> modules = new TreeMap<>();
        shape.factors()
                .forEach((site, f) -> modules.put(
                        site,
                        new TernaryLowRank(
                                f.rank(),
                                f.inputs(),
                                f.outputs(),
                                tensor(f.a().length, density),
                                tensor(f.b().length, density),
                                0.5 + random.nextDouble())));
        return new TernaryAdapter(shape.lora(), modules);
    }

    private TernaryTensor tensor(int length, double density) {
        int[] positions = IntStream.range(0, length)
                .filter(i -> random.nextDouble() < density)
                .toArray();
        BitSet negative = new BitSet();
        IntStream.range(0, positions.length).filter(i -> random.nextBoolean()).forEach(negative::set);
        return new TernaryTensor(length, (float) (0.1 + random.nextDouble()), positions, negative);
    }

    private static float[] elected(List<float[]> stack, List<Double> weights) {
        List<double[]> wide = stack.stream().map(Product::widened).toList();
        double[] each = weights.stream().mapToDouble(Double::doubleValue).toArray();
        return Product.narrowed(ReferenceMerge.electAndMerge(wide, true, each));
    }

    @Test
    void sparseEntriesAreMergedAsPeftMergesTheDecodedFactors() {
        List<TernaryAdapter> adapters = List.of(
                random(LoraConfig.allLinears(), 3),
                random(Set.of(TargetModule.Q_PROJ, TargetModule.DOWN_PROJ), 3),
                random(LoraConfig.allLinears(), 3),
                random(LoraConfig.allLinears(), 3));
        double[] weights = {1, 0.4, -0.7, 3};
        Adapter merged = TernaryTies.merge(adapters, weights).adapter();
        assertThat(merged.factors())
                .hasSize(model.layers() * LoraConfig.allLinears().size());
        merged.factors().forEach((site, module) -> {
            List<float[]> a = new ArrayList<>();
            List<float[]> b = new ArrayList<>();
            List<Double> weightsA = new ArrayList<>();
            List<Double> weightsB = new ArrayList<>();
            for (int i = 0; i < weights.length; i++) {
                LowRank own = adapters.get(i).decode().factors().get(site);
                if (own != null) {
                    a.add(own.a());
                    b.add(own.b());
                    weightsB.add(Math.sqrt(Math.abs(weights[i]) * own.scaling()));
                    weightsA.add(Math.signum(weights[i]) * weightsB.get(weightsB.size() - 1));
                }
            }
            Tolerances.FLOAT32.check(site + " A", elected(a, weightsA), module.a());
            Tolerances.FLOAT32.check(site + " B", elected(b, weightsB), module.b());
            assertThat(module.scaling()).isEqualTo(1);
        });
    }

    @Test
    void itIsTiesOnTheDecodedAdaptersWithTheSameReport() {
        List<TernaryAdapter> adapters = List.of(
                random(LoraConfig.allLinears(), 3),
                random(LoraConfig.allLinears(), 3),
                random(LoraConfig.allLinears(), 3));
        double[] weights = {1.5, 0, -0.2};
        Merged sparse = TernaryTies.merge(adapters, weights);
        MergeSpec spec = MergeSpec.of(MergeMethod.TIES, 1)
                .withForm(MergeForm.FACTORS)
                .withWeights(DoubleStream.of(weights).boxed().toList());
        Merged dense = Merge.of(spec)
                .apply(adapters.stream().map(TernaryAdapter::decode).toList());
        dense.adapter().factors().forEach((site, module) -> {
            LowRank other = sparse.adapter().factors().get(site);
            Tolerances.FLOAT32.check(site + " A", module.a(), other.a());
            Tolerances.FLOAT32.check(site + " B", module.b(), other.b());
        });
        assertThat(sparse.report().disagreeingShare())
                .isPositive()
                .isCloseTo(dense.report().disagreeingShare(), within(1e-12));
        long zeros = 0;
        long entries = 0;
        for (int i : new int[] {0, 2}) {
            for (LowRank module : adapters.get(i).decode().factors().values()) {
                zeros += zeros(module.a()) + zeros(module.b());
                entries += module.a().length + module.b().length;
            }
        }
        assertThat(sparse.report().prunedShare()).isCloseTo((double) zeros / entries, within(1e-12));
    }

    private static long zeros(float[] values) {
        return IntStream.range(0, values.length).filter(i -> values[i] == 0).count();
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

    private static float[] mergedA(double[] weights, TernaryAdapter... adapters) {
        return TernaryTies.merge(List.of(adapters), weights)
                .adapter()
                .factors()
                .get(SITE)
                .a();
    }

    @Test
    void theLargerSumBeforeTheWeightsElectsTheSign() {
        TernaryAdapter plus = adapter(2, new int[] {0, 1, 2});
        TernaryAdapter minus = adapter(3, new int[] {0, 3}, 0, 1);
        assertThat(mergedA(new double[] {1, 1}, plus, minus)).containsExactly(-3, 2, 2, -3);
        // A weight of 4 makes the loser's entry the larger one, but it has lost.
        assertThat(mergedA(new double[] {4, 1}, plus, minus)).containsExactly(-3, 4, 4, -3);
        TernaryAdapter another = adapter(2, new int[] {0, 1});
        assertThat(mergedA(new double[] {1, 1, 1}, plus, minus, another)).containsExactly(2, 2, 2, -3);
    }

    @Test
    void aTieElectsPlusWhateverTheOthersElect() {
        TernaryAdapter plus = adapter(2, new int[] {0});
        TernaryAdapter minus = adapter(2, new int[] {0, 1, 2}, 0, 1, 2);
        assertThat(mergedA(new double[] {1, 1}, plus, minus)).containsExactly(2, -2, -2, 0);
    }

    @Test
    void theReportCountsWhatIsZeroAndWhereSignsDisagree() {
        TernaryAdapter plus = adapter(2, new int[] {0, 1});
        TernaryAdapter minus = adapter(3, new int[] {0}, 0);
        MergeReport report =
                TernaryTies.merge(List.of(plus, minus), new double[] {1, 1}).report();
        // Of A 5 of 8 entries are zero, of B none of 2; A's first of 4 places and B's 1 place disagree and agree.
        assertThat(report.prunedShare()).isEqualTo(0.5);
        assertThat(report.disagreeingShare()).isEqualTo(0.2);
        assertThat(report.truncationError()).isZero();
    }

    @Test
    void oneAdapterIsItsDecodedSelfWithTheScalingInside() {
        TernaryAdapter one = random(LoraConfig.allLinears(), 2);
        Adapter merged = TernaryTies.merge(List.of(one), new double[] {1}).adapter();
        one.decode().factors().forEach((site, module) -> {
            double[] expected = Product.widened(module.a());
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= Math.sqrt(module.scaling());
            }
            Tolerances.FLOAT32.check(
                    site.toString(),
                    Product.narrowed(expected),
                    merged.factors().get(site).a());
        });
        assertThat(merged.lora().scaling(2)).isEqualTo(1);
    }

    @Test
    void adaptersThatCannotBeMergedAreRefused() {
        TernaryAdapter two = random(LoraConfig.allLinears(), 2);
        TernaryAdapter three = random(LoraConfig.allLinears(), 3);
        refused(List.of(two, three), new double[] {1, 1}, "self_attn.q_proj is [32, 3] [3, 32] and [32, 2] [2, 32]");
        refused(List.of(two), new double[] {1, 1}, "2 weights for 1 adapters");
        refused(List.of(), new double[] {}, "0 weights for 0 adapters");
        refused(List.of(two), new double[] {Double.NaN}, "a weight is NaN");
        refused(List.of(two), new double[] {0}, "nothing to merge");
    }

    private static void refused(List<TernaryAdapter> adapters, double[] weights, String expected) {
        assertThatThrownBy(() -> TernaryTies.merge(adapters, weights))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(expected);
    }
}
