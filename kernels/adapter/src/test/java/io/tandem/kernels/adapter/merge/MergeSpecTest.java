package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.TargetModule;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What is wrong is named, in words that a client can act on. */
class MergeSpecTest {
    private final List<Adapter> adapters = ThreeAdapters.different(1);

    @Test
    void everyNameIsItsMethods() {
        for (MergeMethod method : MergeMethod.values()) {
            assertThat(MergeMethod.of(method.label())).isEqualTo(method);
        }
        assertThat(MergeMethod.of("dare_ties_svd")).isEqualTo(MergeMethod.DARE_TIES_SVD);
        assertThat(MergeForm.of("factors")).isEqualTo(MergeForm.FACTORS);
        assertThat(MajoritySign.of("frequency")).isEqualTo(MajoritySign.FREQUENCY);
    }

    @Test
    void unknownNamesListTheKnownOnes() {
        assertRefused(
                () -> MergeMethod.of("tie"),
                "unknown merge method 'tie', expected one of linear, cat, svd, magnitude_prune, magnitude_prune_svd, "
                        + "ties, ties_svd, dare_linear, dare_linear_svd, dare_ties, dare_ties_svd, pcb, layer_swap");
        assertRefused(() -> MergeMethod.of("TIES"), "unknown merge method 'TIES'");
        assertRefused(() -> MergeForm.of(""), "unknown merge form '', expected one of product, factors");
        assertRefused(
                () -> MajoritySign.of("sum"), "unknown majority sign method 'sum', expected one of total, frequency");
    }

    @Test
    void densityIsAShare() {
        for (double density : new double[] {0, -0.1, 1.0001, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertRefused(
                    () -> MergeSpec.of(MergeMethod.TIES, density),
                    "density is " + density + ", expected above 0, up to 1");
        }
        assertRefused(() -> MergeSpec.of(MergeMethod.DARE_TIES), "density is missing, dare_ties needs one");
        assertRefused(() -> MergeSpec.of(MergeMethod.PCB), "density is missing, pcb needs one");
        assertRefused(() -> MergeSpec.of(MergeMethod.LINEAR, 0.5), "density is given, linear takes none");
    }

    @Test
    void weightsAreFiniteAndOnePerAdapter() {
        MergeSpec linear = MergeSpec.of(MergeMethod.LINEAR);
        assertRefused(() -> linear.withWeights(List.of(1.0, Double.NaN)), "weights has NaN, expected finite numbers");
        assertRefused(() -> linear.withWeights(List.of(0.0, -0.0)), "weights are all 0");
        assertRefused(
                () -> Merge.of(linear.withWeights(List.of(1.0, 2.0))).apply(adapters),
                "weights has 2 numbers for 3 adapters, expected one each");
    }

    @Test
    void factorsCannotBeTruncatedOrConcatenated() {
        for (MergeMethod method : List.of(MergeMethod.CAT, MergeMethod.SVD)) {
            assertRefused(
                    () -> MergeSpec.of(method).withForm(MergeForm.FACTORS),
                    "the form is 'factors', " + method.label() + " only has 'product'");
        }
        assertRefused(
                () -> MergeSpec.of(MergeMethod.TIES, 0.5)
                        .withTruncation(Truncation.toRank(2))
                        .withForm(MergeForm.FACTORS),
                "keeps the rank and cannot be truncated");
    }

    @Test
    void truncationIsToAPositiveRankAndASmallError() {
        assertRefused(() -> Truncation.toRank(0), "the merge's rank is 0, expected 1 or more");
        for (double error : new double[] {-1e-9, 1, Double.NaN}) {
            assertRefused(() -> Truncation.toError(error), "the merge's error is " + error);
        }
    }

    @Test
    void layersToSwapBelongToLayerSwap() {
        assertRefused(() -> MergeSpec.of(MergeMethod.LAYER_SWAP), "layers to swap are missing");
        assertRefused(
                () -> new MergeSpec(
                        MergeMethod.LINEAR,
                        MergeForm.PRODUCT,
                        List.of(),
                        OptionalDouble.empty(),
                        MajoritySign.TOTAL,
                        0,
                        Truncation.NONE,
                        Optional.of(LayerSwap.inProportion(2))),
                "layers to swap are given, linear takes none");
    }

    @Test
    void adaptersMustFitTogether() {
        Merge linear = Merge.of(MergeSpec.of(MergeMethod.LINEAR));
        assertRefused(() -> linear.apply(List.of()), "no adapters are given, expected at least one");
        Site site = new Site(0, TargetModule.Q_PROJ);
        Adapter other = adapter(site, new LowRank(1, 3, 2, new float[3], new float[2], 1));
        assertRefused(
                () -> linear.apply(List.of(adapters.get(0), other)),
                site + " is [2, 3] in one adapter and [32, 32] in another; they are not for the same model");
        Adapter empty = new Adapter(other.config(), Map.of());
        assertRefused(() -> linear.apply(List.of(empty)), "the adapters change no module, there is nothing to merge");
    }

    @Test
    void valuesThatAreNotFiniteAreRefused() {
        Site site = new Site(0, TargetModule.Q_PROJ);
        LowRank nan = new LowRank(1, 2, 2, new float[] {1, Float.NaN}, new float[2], 1);
        LowRank infinite = new LowRank(1, 2, 2, new float[2], new float[2], Double.POSITIVE_INFINITY);
        for (LowRank factors : List.of(nan, infinite)) {
            assertRefused(
                    () -> Merge.of(MergeSpec.of(MergeMethod.TIES, 0.5)).apply(List.of(adapter(site, factors))),
                    site + " has values that are not finite numbers");
        }
    }

    @Test
    void aSearchHasARangeAndEvaluations() {
        assertRefused(() -> WeightSearch.of(0, 1), "evaluations is 0, expected 1 or more");
        assertRefused(() -> new WeightSearch(5, 2, 1, 1), "weights are searched from 2.0 to 1.0");
        assertRefused(() -> new WeightSearch(5, 0, 1, 1), "expected a range above 0");
    }

    private static Adapter adapter(Site site, LowRank factors) {
        return new Adapter(new LoraConfig(1, 1, false, EnumSet.of(site.module()), ""), Map.of(site, factors));
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
    }
}
