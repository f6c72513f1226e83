package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.Tolerances;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;

class MergePropertyTest {
    private static final Truncation FULL_RANK = Truncation.toRank(1000);

    /** Every method but layer swap, which has an order of its own, with a density where it takes one. */
    @Provide
    Arbitrary<MergeSpec> specs() {
        return Arbitraries.of(MergeMethod.class)
                .filter(method -> method != MergeMethod.LAYER_SWAP)
                .flatMap(method -> Arbitraries.doubles()
                        .between(0.1, 1)
                        .map(density -> (method.prunes() ? MergeSpec.of(method, density) : MergeSpec.of(method))
                                .withTruncation(FULL_RANK)));
    }

    @Property(tries = 40)
    void theOrderOfAdaptersDoesNotMatterUnlessTheyAreDrawnFor(@ForAll("specs") MergeSpec spec, @ForAll int seed) {
        if (spec.method().pruning() == Pruning.RANDOM) {
            return;
        }
        List<Adapter> some = ThreeAdapters.different(seed);
        assertSame(
                merged(spec.withWeights(List.of(0.5, -1.5, 2.0)), some),
                merged(spec.withWeights(List.of(2.0, 0.5, -1.5)), List.of(some.get(2), some.get(0), some.get(1))));
    }

    @Property(tries = 40)
    void weightZeroRemovesAnAdapter(@ForAll("specs") MergeSpec spec, @ForAll int seed) {
        List<Adapter> some = ThreeAdapters.different(seed);
        assertSame(
                merged(spec.withWeights(List.of(0.5, -1.5, 0.0)), some),
                merged(spec.withWeights(List.of(0.5, -1.5)), some.subList(0, 2)));
    }

    @Property(tries = 20)
    void oneAdapterOfWeightOneIsItself(@ForAll int seed) {
        for (Adapter adapter : ThreeAdapters.different(seed)) {
            for (MergeMethod method : List.of(MergeMethod.LINEAR, MergeMethod.CAT, MergeMethod.SVD)) {
                assertThat(Merge.of(MergeSpec.of(method))
                                .apply(List.of(adapter))
                                .adapter())
                        .isEqualTo(adapter);
            }
            for (MergeMethod method : List.of(MergeMethod.TIES, MergeMethod.DARE_TIES_SVD)) {
                assertSame(adapter, merged(MergeSpec.of(method, 1), List.of(adapter)));
            }
        }
    }

    @Property(tries = 20)
    void aMergeOfEqualsIsTheOneScaled(@ForAll @DoubleRange(min = 0.1, max = 3) double weight, @ForAll int seed) {
        Adapter adapter = ThreeAdapters.different(seed).get(1);
        MergeSpec halves = MergeSpec.of(MergeMethod.SVD).withWeights(List.of(weight / 2, weight / 2));
        Adapter twice = Merge.of(halves).apply(List.of(adapter, adapter)).adapter();
        assertSame(merged(MergeSpec.of(MergeMethod.LINEAR).withWeights(List.of(weight)), List.of(adapter)), twice);
        adapter.factors()
                .forEach((site, factors) ->
                        assertThat(twice.modules().get(site).rank()).isEqualTo(factors.rank()));
    }

    @Property(tries = 20)
    void tiesOfAdaptersThatAgreeIsTheirAverage(@ForAll int seed) {
        Adapter adapter = ThreeAdapters.different(seed).get(0);
        MergeSpec spec = MergeSpec.of(MergeMethod.TIES, 1).withWeights(List.of(0.5, 1.5));
        assertSame(adapter, merged(spec, List.of(adapter, adapter)));
    }

    @Property(tries = 20)
    void sumsOfSumsAreSums(@ForAll int seed) {
        List<Adapter> some = ThreeAdapters.different(seed);
        MergeSpec sum = MergeSpec.of(MergeMethod.LINEAR);
        Adapter first = Merge.of(sum).apply(some.subList(0, 2)).adapter();
        assertSame(merged(sum, some), merged(sum, List.of(first, some.get(2))));
    }

    @Property(tries = 20)
    void theReportCountsWhatPruningDrops(@ForAll @DoubleRange(min = 0.05, max = 1) double density, @ForAll int seed) {
        List<Adapter> some = ThreeAdapters.alike(3, seed);
        for (MergeMethod method : List.of(MergeMethod.TIES, MergeMethod.MAGNITUDE_PRUNE)) {
            MergeReport report =
                    Merge.of(MergeSpec.of(method, density)).apply(some).report();
            assertThat(report.prunedShare()).isBetween(1 - density - 1e-9, 1 - density + 0.002);
            assertThat(report.disagreeingShare() > 0).isEqualTo(method == MergeMethod.TIES);
        }
    }

    @Property(tries = 20)
    void signsOfOppositesAlwaysDisagree(@ForAll int seed) {
        Adapter adapter = TinyAdapters.random(ThreeAdapters.MODEL, LoraConfig.allLinears(), 3, seed);
        Adapter opposite = Merge.of(MergeSpec.of(MergeMethod.LINEAR).withWeights(List.of(-1.0)))
                .apply(List.of(adapter))
                .adapter();
        MergeSpec spec = MergeSpec.of(MergeMethod.TIES, 1);
        assertThat(Merge.of(spec).apply(List.of(adapter, opposite)).report().disagreeingShare())
                .isEqualTo(1);
        assertThat(Merge.of(spec).apply(List.of(adapter, adapter)).report().disagreeingShare())
                .isZero();
    }

    private static Adapter merged(MergeSpec spec, List<Adapter> adapters) {
        return Merge.of(spec.withTruncation(FULL_RANK)).apply(adapters).adapter();
    }

    private static void assertSame(Adapter expected, Adapter actual) {
        assertThat(actual.modules().keySet()).isEqualTo(expected.modules().keySet());
        expected.factors()
                .forEach((site, factors) -> Tolerances.FLOAT32.check(
                        site.toString(),
                        ReferenceMerge.change(factors),
                        ReferenceMerge.change(actual.factors().get(site))));
    }
}
