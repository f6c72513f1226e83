package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class WeightSearchTest {
    private final List<Adapter> adapters = ThreeAdapters.alike(2, 5);
    private final MergeSpec pcb = MergeSpec.of(MergeMethod.PCB, 0.4).withForm(MergeForm.FACTORS);

    @Test
    void itFindsTheWeightsThatMadeTheTarget() {
        Adapter target = Merge.of(pcb.withWeights(List.of(1.6, 0.7, 1.1)))
                .apply(adapters)
                .adapter();
        ToDoubleFunction<Adapter> score = adapter -> -distance(adapter, target);
        WeightSearch.Found found = WeightSearch.of(120, 3).search(pcb, adapters, score);
        double start = score.applyAsDouble(Merge.of(pcb).apply(adapters).adapter());
        assertThat(found.score()).isGreaterThan(start / 5);
        assertThat(score.applyAsDouble(found.merged().adapter())).isEqualTo(found.score());
        assertThat(Merge.of(pcb.withWeights(found.weights()))
                        .apply(adapters)
                        .adapter()
                        .factors())
                .allSatisfy((site, factors) -> assertThat(factors.a())
                        .containsExactly(
                                found.merged().adapter().factors().get(site).a()));
        assertThat(found.weights().get(0)).isCloseTo(1.6, Offset.offset(0.2));
    }

    @Test
    void itMakesAsManyMergesAsItMayAndStaysInItsRange() {
        AtomicInteger calls = new AtomicInteger();
        WeightSearch search = new WeightSearch(25, 0.9, 1.1, 1);
        WeightSearch.Found found = search.search(pcb, adapters, adapter -> calls.incrementAndGet());
        assertThat(calls).hasValue(25);
        assertThat(found.score()).isEqualTo(25);
        assertThat(found.weights()).allSatisfy(weight -> assertThat(weight).isBetween(0.9, 1.1));
    }

    @Test
    void theSameSeedFindsTheSame() {
        Adapter target = adapters.get(0);
        ToDoubleFunction<Adapter> score = adapter -> -distance(adapter, target);
        assertThat(WeightSearch.of(10, 4).search(pcb, adapters, score).weights())
                .isEqualTo(WeightSearch.of(10, 4).search(pcb, adapters, score).weights());
    }

    @Test
    void aScoreThatIsNoNumberIsTheWorst() {
        AtomicInteger calls = new AtomicInteger();
        WeightSearch.Found found =
                WeightSearch.of(10, 4).search(pcb, adapters, adapter -> calls.incrementAndGet() == 3 ? 1 : Double.NaN);
        assertThat(found.score()).isEqualTo(1);
    }

    private static double distance(Adapter one, Adapter other) {
        double sum = 0;
        for (Site site : one.modules().keySet()) {
            double[] difference = ReferenceMerge.sum(
                    List.of(
                            ReferenceMerge.change(one.factors().get(site)),
                            ReferenceMerge.change(other.factors().get(site))),
                    1,
                    -1);
            sum += Arrays.stream(difference).map(value -> value * value).sum();
        }
        return Math.sqrt(sum);
    }
}
