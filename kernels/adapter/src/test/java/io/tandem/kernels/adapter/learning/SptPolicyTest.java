package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
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

    private static LearningRun run(double budget, int totalSteps) {
        return new SptPolicy(budget).start(new Setting(2, 100, totalSteps, 1), LearningState.NONE);
    }

    /** Of each module, in units of its size. */
    private static SortedMap<Site, Estimate> estimates(double... densities) {
        SortedMap<Site, Estimate> estimates = new TreeMap<>();
        for (int i = 0; i < densities.length; i++) {
            long numbers = ADAPTER.modules().get(SITES.get(i)).numbers();
            estimates.put(SITES.get(i), new Estimate(List.of(0.0, 0.0), 0, densities[i] * numbers));
        }
        return estimates;
    }

    @ParameterizedTest
    @CsvSource({"1000, 16", "64, 16", "20, 5", "3, 1", "1, 1"})
    void nothingChangesWhileSensitivityIsMeasured(int totalSteps, int batches) {
        LearningRun run = run(0.5, totalSteps);
        for (int step = 0; step < totalSteps; step++) {
            assertThat(run.plan(step)).isEqualTo(step < batches ? LearningPlan.SENSING : LearningPlan.EVERYTHING);
            assertThat(run.stepped(step + 1, step < batches ? estimates(1, 2, 3, 4) : Collections.emptySortedMap())
                            .isPresent())
                    .isEqualTo(step + 1 == batches);
        }
    }

    private static Adapter chosen(double budget, double... densities) {
        return run(budget, 4).stepped(1, estimates(densities)).orElseThrow().apply(ADAPTER);
    }

    @Test
    void theMostSensitiveModulesForTheirSizeAreChosen() {
        long all = ADAPTER.parameters();
        long q = ADAPTER.modules().get(SITES.get(0)).numbers();
        long down = ADAPTER.modules().get(SITES.get(1)).numbers();
        assertThat(q).isLessThan(down);
        assertThat(chosen(1, 1, 2, 3, 4).modules()).isEqualTo(ADAPTER.modules());
        assertThat(chosen((q + down + 0.5) / all, 1, 2, 4, 3).modules()).containsOnlyKeys(SITES.get(2), SITES.get(3));
        // What does not fit makes room for what does.
        assertThat(chosen((2 * q + 0.5) / all, 3, 4, 1, 5).modules().keySet())
                .as("the first one fits whatever it takes")
                .containsExactly(SITES.get(3));
        assertThat(chosen((2 * q + 0.5) / all, 5, 4, 1, 3).modules()).containsOnlyKeys(SITES.get(0), SITES.get(2));
        assertThat(chosen(0.01, 1, 2, 4, 3).modules()).containsOnlyKeys(SITES.get(2));
    }

    @Test
    void theStateIsAllThatIsRemembered() {
        LearningRun again = run(0.5, 64);
        for (int step = 1; step < 16; step++) {
            assertThat(again.stepped(step, estimates(step, 0, 20, 1))).isEmpty();
            again = new SptPolicy(0.5).start(new Setting(2, 100, 64, 1), again.state());
        }
        // 1 + 2 + ... + 16 is less than 16 times 20.
        Adapter chosen =
                again.stepped(16, estimates(16, 0, 20, 1)).orElseThrow().apply(ADAPTER);
        assertThat(chosen.modules()).containsKeys(SITES.get(2)).doesNotContainKey(SITES.get(1));
        assertThat(again.state()).isEqualTo(LearningState.NONE);
    }

    @Test
    void onlyLoraIsChosenFor() {
        LoraConfig config = new LoraConfig(2, 4, false, TARGETS, "");
        assertThat(new SptPolicy(0.5).refusal(new LoraMethod(config))).isEmpty();
        assertThat(new SptPolicy(0.5).refusal(new DoraMethod(config))).isPresent();
        assertThatThrownBy(() -> new SptPolicy(0)).hasMessageContaining("a budget of 0.0");
    }
}
