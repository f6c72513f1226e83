package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SptPolicyTest {
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private static final Set<TargetModule> TARGETS = Set.of(TargetModule.Q_PROJ, TargetModule.DOWN_PROJ);
    private static final Adapter ADAPTER = TinyAdapters.random(MODEL, TARGETS, 2, 1);
    private static final List<Site> SITES = List.of(
            new Site(0, TargetModule.Q_PROJ),
            new Site(0, TargetModule.DOWN_PROJ),
            new Site(1, TargetModule.Q_PROJ),
            new Site(1, TargetModule.DOWN_PROJ));
    private static final long Q = change(0).numbers();
    private static final long DOWN = change(1).numbers();

    private static Change change(int module) {
        return ADAPTER.modules().get(SITES.get(module));
    }

    private static int most(int module) {
        return SensitiveWeights.most(change(module));
    }

    private static LearningRun run(double budget, int totalSteps) {
        return new SptPolicy(budget).start(new Setting(2, 100, totalSteps, 1), LearningState.NONE);
    }

    /** The weights are the module's last ones, from the last on, each half as sensitive as the one before. */
    private static SensitiveWeights halving(int module) {
        int last = change(module).inputs() * change(module).outputs() - 1;
        int[] places = IntStream.range(0, most(module)).map(i -> last - i).toArray();
        float[] shares = new float[places.length];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = (float) Math.pow(0.5, i + 1);
        }
        return new SensitiveWeights(places, shares);
    }

    private static SortedMap<Site, Estimate> estimates(Set<Integer> sensed, double... sensitivity) {
        SortedMap<Site, Estimate> estimates = new TreeMap<>();
        for (int i = 0; i < sensitivity.length; i++) {
            boolean single = sensed.contains(SITES.get(i).layer());
            estimates.put(
                    SITES.get(i),
                    new Estimate(
                            List.of(0.0, 0.0), 0, sensitivity[i], single ? Optional.of(halving(i)) : Optional.empty()));
        }
        return estimates;
    }

    private static Adapter chosen(double numbers, double... sensitivity) {
        return run(numbers / ADAPTER.parameters(), 4)
                .stepped(1, estimates(Set.of(0, 1), sensitivity))
                .orElseThrow()
                .apply(ADAPTER);
    }

    @ParameterizedTest
    @CsvSource({"1000, 16", "64, 16", "20, 5", "3, 1", "1, 1"})
    void nothingChangesWhileSensitivityIsMeasured(int totalSteps, int batches) {
        LearningRun run = run(0.5, totalSteps);
        Set<Integer> seen = new TreeSet<>();
        for (int step = 0; step < totalSteps; step++) {
            LearningPlan plan = run.plan(step);
            assertThat(plan.estimates()).isEqualTo(step < batches);
            assertThat(plan.updates()).isEqualTo(step >= batches);
            assertThat(plan.sensed()).noneMatch(seen::contains);
            assertThat(plan.sensed()).hasSizeLessThanOrEqualTo(new SptPolicy(0.5).sensedLayers(2, totalSteps));
            seen.addAll(plan.sensed());
            assertThat(run.stepped(
                                    step + 1,
                                    step < batches
                                            ? estimates(plan.sensed(), 1, 2, 3, 4)
                                            : Collections.emptySortedMap())
                            .isPresent())
                    .isEqualTo(step + 1 == batches);
        }
        assertThat(seen).as("every layer once").containsExactly(0, 1);
    }

    @Test
    void modulesWithManySensitiveWeightsGetFactors() {
        assertThat(most(0)).isEqualTo((int) (Q / 10));
        // Twice as sensitive in each weight as all others together.
        Adapter one = chosen(Q + 0.5, 1, 1, 1e12, 1);
        assertThat(one.modules()).containsOnly(Map.entry(SITES.get(2), change(2)));
        Adapter two = chosen(Q + DOWN + 0.5, 1, 1, 1e12, 1e12);
        assertThat(two.modules()).containsOnlyKeys(SITES.get(2), SITES.get(3));
        assertThat(two.modules().values()).noneMatch(SingleWeights.class::isInstance);
        assertThat(chosen(ADAPTER.parameters(), 1, 2, 3, 4).modules()).isEqualTo(ADAPTER.modules());
    }

    /** Of four modules, the first weights are in proportion to 1, 8, 2 and 4. */
    @Test
    void ofOthersTheMostSensitiveWeightsAreTunedOneByOne() {
        Adapter chosen = chosen(8.5, 1, 8, 2, 4);
        assertThat(chosen.parameters()).isEqualTo(8);
        // 4 2 1 1/2, then 2 1, then 1 1/2: of equals those that come first.
        assertThat(places(chosen, 1)).hasSize(4);
        assertThat(places(chosen, 3)).hasSize(2);
        assertThat(places(chosen, 2)).hasSize(1);
        assertThat(places(chosen, 0)).hasSize(1);
        int last = change(1).inputs() * change(1).outputs() - 1;
        assertThat(places(chosen, 1)).containsExactly(last - 3, last - 2, last - 1, last);
        assertThat(((SingleWeights) chosen.modules().get(SITES.get(1))).values())
                .containsOnly(0);
    }

    private static int[] places(Adapter adapter, int module) {
        return ((SingleWeights) adapter.modules().get(SITES.get(module))).places();
    }

    @Test
    void whereFactorsDoNotFitTheSingleWeightsStay() {
        Adapter chosen = chosen(Q - 0.5, 1e-12, 1e-12, 1e12, 1e-12);
        assertThat(places(chosen, 2)).hasSize(most(2) - 1);
        assertThat(chosen.parameters()).isLessThan(Q);
        assertThat(chosen(1, 1, 2, 5, 3).modules()).containsOnlyKeys(SITES.get(2));
    }

    @Test
    void theStateIsAllThatIsRemembered() {
        LearningRun again = run(4.5 / ADAPTER.parameters(), 64);
        for (int step = 1; step < 16; step++) {
            assertThat(again.stepped(step, estimates(Set.of(step - 1), step, 0, 20, 1)))
                    .isEmpty();
            again = new SptPolicy(4.5 / ADAPTER.parameters()).start(new Setting(2, 100, 64, 1), again.state());
        }
        // 1 + 2 + ... + 16 is less than 16 times 20, and more than a quarter of that.
        Adapter chosen = again.stepped(16, estimates(Set.of(), 16, 0, 20, 1))
                .orElseThrow()
                .apply(ADAPTER);
        assertThat(chosen.modules()).containsOnlyKeys(SITES.get(0), SITES.get(2));
        assertThat(places(chosen, 2)).hasSize(3);
        assertThat(again.state()).isEqualTo(LearningState.NONE);
    }

    @Test
    void whatWasNotMeasuredIsTold() {
        assertThatThrownBy(() -> run(0.5, 4)
                        .stepped(1, estimates(Set.of(0), 1, 1, 1, 1))
                        .orElseThrow()
                        .apply(ADAPTER))
                .hasMessageContaining("nothing was measured of model.layers.1");
    }

    @Test
    void onlyLoraIsChosenFor() {
        LoraConfig config = new LoraConfig(2, 4, false, TARGETS, "");
        assertThat(new SptPolicy(0.5).refusal(new LoraMethod(config))).isEmpty();
        assertThat(new SptPolicy(0.5).refusal(new DoraMethod(config))).isPresent();
        assertThatThrownBy(() -> new SptPolicy(0)).hasMessageContaining("a budget of 0.0");
    }
}
