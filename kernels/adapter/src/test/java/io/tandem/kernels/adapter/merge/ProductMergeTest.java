package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.Tolerances;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Methods on {@code scaling * B A}, with enough rank that nothing is truncated. */
class ProductMergeTest {
    private static final double[] WEIGHTS = {0.8, -0.3, 1.7};
    private static final Truncation FULL_RANK = Truncation.toRank(1000);

    @RegisterExtension
    final Seeded seeded = new Seeded();

    private final List<Adapter> adapters = ThreeAdapters.different(seeded.seed());

    @ParameterizedTest
    @EnumSource(
            value = MergeMethod.class,
            names = {"LINEAR", "CAT", "SVD"})
    void sumsAddUpTheChanges(MergeMethod method) {
        assertChanges(merged(MergeSpec.of(method)), stack -> ReferenceMerge.sum(stack, WEIGHTS));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.2, 0.5, 0.77, 1})
    void magnitudePruningKeepsTheLargestEntries(double density) {
        for (MergeMethod method : List.of(MergeMethod.MAGNITUDE_PRUNE, MergeMethod.MAGNITUDE_PRUNE_SVD)) {
            assertChanges(
                    merged(MergeSpec.of(method, density)),
                    stack -> ReferenceMerge.sum(ReferenceMerge.trim(stack, density), WEIGHTS));
        }
    }

    @ParameterizedTest
    @EnumSource(MajoritySign.class)
    void tiesAveragesThoseWhoHaveTheElectedSign(MajoritySign sign) {
        for (MergeMethod method : List.of(MergeMethod.TIES, MergeMethod.TIES_SVD)) {
            assertChanges(
                    merged(MergeSpec.of(method, 0.4).withMajoritySign(sign)),
                    stack -> ReferenceMerge.electAndMerge(
                            ReferenceMerge.trim(stack, 0.4), sign == MajoritySign.TOTAL, WEIGHTS));
        }
    }

    @ParameterizedTest
    @EnumSource(MajoritySign.class)
    void dareTiesElectsAmongWhatIsLeft(MajoritySign sign) {
        SortedMap<Site, List<double[]>> left = droppedAtRandom(0.6, 7);
        for (MergeMethod method : List.of(MergeMethod.DARE_TIES, MergeMethod.DARE_TIES_SVD)) {
            MergeSpec spec = MergeSpec.of(method, 0.6).withSeed(7).withMajoritySign(sign);
            assertSame(
                    merged(spec),
                    left,
                    stack -> ReferenceMerge.electAndMerge(stack, sign == MajoritySign.TOTAL, WEIGHTS));
        }
    }

    @Test
    void dareLinearAddsUpWhatIsLeft() {
        SortedMap<Site, List<double[]>> left = droppedAtRandom(0.6, 8);
        for (MergeMethod method : List.of(MergeMethod.DARE_LINEAR, MergeMethod.DARE_LINEAR_SVD)) {
            MergeSpec spec = MergeSpec.of(method, 0.6).withSeed(8);
            assertSame(merged(spec), left, stack -> ReferenceMerge.sum(stack, WEIGHTS));
        }
    }

    @Test
    void dareDropsOrRescalesEveryEntry() {
        SortedMap<Site, List<double[]>> left = droppedAtRandom(0.25, 9);
        SortedMap<Site, List<double[]>> whole = ReferenceMerge.stacks(adapters);
        long kept = 0;
        long entries = 0;
        for (Site site : adapters.get(0).modules().keySet()) {
            double[] before = whole.get(site).get(0);
            double[] after = left.get(site).get(0);
            for (int i = 0; i < before.length; i++) {
                boolean dropped = after[i] == 0;
                if (!dropped) {
                    assertThat(after[i]).as(site + " " + i).isCloseTo(before[i] / 0.25, Offset.offset(1e-9));
                }
                kept += dropped ? 0 : 1;
                entries++;
            }
        }
        assertThat((double) kept / entries).isBetween(0.23, 0.27);
    }

    @Test
    void aSeedRepeatsAndAnotherDiffers() {
        MergeSpec spec = MergeSpec.of(MergeMethod.DARE_LINEAR, 0.5);
        Site site = adapters.get(0).modules().firstKey();
        double[] first =
                ReferenceMerge.change(merged(spec.withSeed(1)).factors().get(site));
        assertThat(ReferenceMerge.change(merged(spec.withSeed(1)).factors().get(site)))
                .containsExactly(first);
        assertThat(ReferenceMerge.change(merged(spec.withSeed(2)).factors().get(site)))
                .isNotEqualTo(first);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.2, 0.6, 1})
    void pcbLetsAllEntriesOfAnAdapterCompete(double ratio) {
        SortedMap<Site, List<double[]>> stacks = ReferenceMerge.stacks(adapters);
        List<double[]> vectors = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            int adapter = i;
            vectors.add(stacks.values().stream()
                    .map(stack -> stack.get(adapter))
                    .flatMapToDouble(Arrays::stream)
                    .toArray());
        }
        double[] expected = ReferenceMerge.compete(vectors, ratio, WEIGHTS);
        Adapter merged = merged(MergeSpec.of(MergeMethod.PCB, ratio));
        double[] actual = ReferenceMerge.changes(merged).values().stream()
                .flatMapToDouble(Arrays::stream)
                .toArray();
        Tolerances.FLOAT32.check("pcb " + ratio, expected, actual);
    }

    /** What random dropping leaves of each adapter, exactly, before anything is factored. */
    private SortedMap<Site, List<double[]>> droppedAtRandom(double density, long seed) {
        SortedMap<Site, List<double[]>> left = ReferenceMerge.stacks(adapters);
        TrimAndElect alone =
                new TrimAndElect(MergeSpec.of(MergeMethod.DARE_LINEAR, density).withSeed(seed));
        for (int i = 0; i < adapters.size(); i++) {
            int adapter = i;
            adapters.get(i).factors().forEach((site, factors) -> {
                List<Contribution> contribution = List.of(new Contribution(adapter, factors, 1));
                Tensors tensors =
                        Tensors.of(MergeForm.PRODUCT, site, contribution).get(0);
                left.get(site).set(adapter, alone.combine(tensors).values());
            });
        }
        return left;
    }

    private Adapter merged(MergeSpec spec) {
        MergeSpec weighted = spec.withWeights(List.of(WEIGHTS[0], WEIGHTS[1], WEIGHTS[2]));
        return Merge.of(weighted.withTruncation(FULL_RANK)).apply(adapters).adapter();
    }

    private void assertChanges(Adapter merged, Function<List<double[]>, double[]> reference) {
        assertSame(merged, ReferenceMerge.stacks(adapters), reference);
    }

    private static void assertSame(
            Adapter merged, SortedMap<Site, List<double[]>> stacks, Function<List<double[]>, double[]> reference) {
        assertThat(merged.factors().keySet()).isEqualTo(stacks.keySet());
        SortedMap<Site, double[]> actual = new TreeMap<>(ReferenceMerge.changes(merged));
        stacks.forEach(
                (site, stack) -> Tolerances.FLOAT32.check(site.toString(), reference.apply(stack), actual.get(site)));
    }
}
