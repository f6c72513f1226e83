package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.Tolerances;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** PEFT's way: A and B one by one, each with the root of weight times scaling. */
class FactorMergeTest {
    private static final double[] WEIGHTS = {0.8, -0.3, 1.7};

    @RegisterExtension
    final Seeded seeded = new Seeded();

    private final List<Adapter> adapters = ThreeAdapters.alike(4, seeded.seed());

    @Test
    void linearAddsUpFactorsWithTheRootOfTheirWeights() {
        assertFactors(MergeSpec.of(MergeMethod.LINEAR), ReferenceMerge::sum);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.33, 1})
    void magnitudePruningIsPerFactor(double density) {
        assertFactors(
                MergeSpec.of(MergeMethod.MAGNITUDE_PRUNE, density),
                (stack, weights) -> ReferenceMerge.sum(ReferenceMerge.trim(stack, density), weights));
    }

    @ParameterizedTest
    @EnumSource(MajoritySign.class)
    void tiesElectsPerEntryOfAFactor(MajoritySign sign) {
        assertFactors(
                MergeSpec.of(MergeMethod.TIES, 0.5).withMajoritySign(sign),
                (stack, weights) -> ReferenceMerge.electAndMerge(
                        ReferenceMerge.trim(stack, 0.5), sign == MajoritySign.TOTAL, weights));
    }

    @Test
    void dareDropsEntriesOfTheFactors() {
        MergeSpec spec = MergeSpec.of(MergeMethod.DARE_LINEAR, 0.5).withForm(MergeForm.FACTORS);
        Adapter merged = Merge.of(spec).apply(adapters.subList(0, 1)).adapter();
        long zeros = 0;
        long entries = 0;
        for (var module : adapters.get(0).factors().entrySet()) {
            float[] before = module.getValue().a();
            float[] after = merged.factors().get(module.getKey()).a();
            double root = Math.sqrt(module.getValue().scaling());
            for (int i = 0; i < before.length; i++) {
                double rescaled = after[i] == 0 ? 0 : root * before[i] / 0.5;
                assertThat((double) after[i]).isCloseTo(rescaled, Offset.offset(1e-5));
                zeros += after[i] == 0 ? 1 : 0;
                entries++;
            }
        }
        assertThat((double) zeros / entries).isBetween(0.45, 0.55);
    }

    @Test
    void pcbLetsAllEntriesOfBothFactorsCompete() {
        MergeSpec spec = MergeSpec.of(MergeMethod.PCB, 0.3).withForm(MergeForm.FACTORS);
        // Equal scalings, so that the weights of A's and B's entries are the same all over the vector.
        List<Adapter> equal = List.of(adapters.get(0), adapters.get(2));
        List<double[]> vectors = equal.stream().map(FactorMergeTest::flat).toList();
        double root = Math.sqrt(2);
        double[] expected = ReferenceMerge.compete(vectors, 0.3, root, root);
        Tolerances.FLOAT32.check(
                "factors", expected, flat(Merge.of(spec).apply(equal).adapter()));
    }

    @Test
    void theResultHasPeftsConfiguration() {
        MergeSpec spec = MergeSpec.of(MergeMethod.TIES, 0.5).withForm(MergeForm.FACTORS);
        Adapter merged = Merge.of(spec).apply(adapters).adapter();
        assertThat(merged.config()).isEqualTo(new LoraConfig(4, 4, false, LoraConfig.allLinears(), ""));
        assertThat(merged.factors().values())
                .allSatisfy(factors -> assertThat(factors.scaling()).isEqualTo(1));
    }

    @Test
    void ranksThatDifferAreRefused() {
        List<Adapter> mixed =
                List.of(adapters.get(0), TinyAdapters.random(ThreeAdapters.MODEL, LoraConfig.allLinears(), 2, 1));
        MergeSpec spec = MergeSpec.of(MergeMethod.LINEAR).withForm(MergeForm.FACTORS);
        assertThatThrownBy(() -> Merge.of(spec).apply(mixed))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ranks [4, 2], the form 'factors' needs equal ones");
    }

    private static double[] flat(Adapter adapter) {
        List<double[]> parts = new ArrayList<>();
        adapter.factors().values().forEach(factors -> {
            parts.add(Product.widened(factors.a()));
            parts.add(Product.widened(factors.b()));
        });
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    private void assertFactors(MergeSpec spec, BiFunction<List<double[]>, double[], double[]> reference) {
        MergeSpec factors = spec.withForm(MergeForm.FACTORS).withWeights(List.of(WEIGHTS[0], WEIGHTS[1], WEIGHTS[2]));
        Adapter merged = Merge.of(factors).apply(adapters).adapter();
        for (Site site : adapters.get(0).modules().keySet()) {
            List<LowRank> stack = adapters.stream()
                    .map(adapter -> adapter.factors().get(site))
                    .toList();
            double[] weightsB = new double[WEIGHTS.length];
            double[] weightsA = new double[WEIGHTS.length];
            for (int i = 0; i < WEIGHTS.length; i++) {
                weightsB[i] = Math.sqrt(Math.abs(WEIGHTS[i]) * stack.get(i).scaling());
                weightsA[i] = WEIGHTS[i] < 0 ? -weightsB[i] : weightsB[i];
            }
            List<double[]> stackA =
                    stack.stream().map(f -> Product.widened(f.a())).toList();
            List<double[]> stackB =
                    stack.stream().map(f -> Product.widened(f.b())).toList();
            LowRank actual = merged.factors().get(site);
            Tolerances.FLOAT32.check(site + " A", Product.narrowed(reference.apply(stackA, weightsA)), actual.a());
            Tolerances.FLOAT32.check(site + " B", Product.narrowed(reference.apply(stackB, weightsB)), actual.b());
        }
    }
}
