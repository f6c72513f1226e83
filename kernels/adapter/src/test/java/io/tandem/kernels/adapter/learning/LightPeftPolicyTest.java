package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.method.DyloraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LightPeftPolicyTest {
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private static final Set<TargetModule> TARGETS = Set.of(TargetModule.Q_PROJ, TargetModule.V_PROJ);
    private static final Site Q0 = new Site(0, TargetModule.Q_PROJ);
    private static final Site V0 = new Site(0, TargetModule.V_PROJ);
    private static final Site Q1 = new Site(1, TargetModule.Q_PROJ);
    private static final Site V1 = new Site(1, TargetModule.V_PROJ);
    private static final SortedMap<Site, Estimate> NONE = Collections.emptySortedMap();

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    /** Of 100 steps. */
    private static LearningRun run(LightPeftPolicy policy, LearningState from) {
        return policy.start(new Setting(2, 100, 100, 1), from);
    }

    private static SortedMap<Site, Estimate> estimates(double scale, double[] outputs, double[]... ranks) {
        SortedMap<Site, Estimate> estimates = new TreeMap<>();
        List<Site> sites = List.of(Q0, V0, Q1, V1);
        for (int i = 0; i < 4; i++) {
            estimates.put(
                    sites.get(i),
                    new Estimate(
                            Arrays.stream(ranks[i]).map(r -> scale * r).boxed().toList(), scale * outputs[i], 0));
        }
        return estimates;
    }

    @Test
    void theSecondHalfOfTheFirstTenthIsEstimated() {
        LearningRun run = run(new LightPeftPolicy(0.5, 0.5, 0.1), LearningState.NONE);
        for (int step = 0; step < 100; step++) {
            assertThat(run.plan(step).estimates()).isEqualTo(step >= 5 && step < 10);
            assertThat(run.plan(step).layers()).isEmpty();
        }
        assertThat(new LightPeftPolicy(0.5, 0.5, 0.1)
                        .start(new Setting(2, 3, 3, 1), LearningState.NONE)
                        .plan(0)
                        .estimates())
                .as("a job of three steps")
                .isTrue();
    }

    /** Two of four modules, and of their four ranks two, wherever they are. */
    @Test
    void modulesGoByTheirOutputAndRanksByTheirGradients() {
        Adapter adapter = TinyAdapters.random(MODEL, TARGETS, 2, random.nextLong());
        LearningRun run = run(new LightPeftPolicy(0.5, 0.5, 0.1), LearningState.NONE);
        double[] outputs = {3, 1, 4, 2};
        double[][] ranks = {{5, 1}, {9, 9}, {2, 7}, {9, 9}};
        for (int step = 6; step < 10; step++) {
            assertThat(run.stepped(step, estimates(step, outputs, ranks))).isEmpty();
        }
        Adapter pruned =
                run.stepped(10, estimates(1, outputs, ranks)).orElseThrow().apply(adapter);
        assertThat(pruned.modules()).containsOnlyKeys(Q0, Q1);
        for (Site site : List.of(Q0, Q1)) {
            LowRank all = adapter.factors().get(site);
            int kept = site.equals(Q0) ? 0 : 1;
            LowRank left = pruned.factors().get(site);
            assertThat(left.rank()).isEqualTo(1);
            assertThat(left.scaling()).isEqualTo(all.scaling());
            assertThat(left.a())
                    .containsExactly(Arrays.copyOfRange(all.a(), kept * all.inputs(), (kept + 1) * all.inputs()));
            for (int row = 0; row < all.outputs(); row++) {
                assertThat(left.b()[row]).isEqualTo(all.b()[2 * row + kept]);
            }
        }
        assertThat(run.state()).isEqualTo(LearningState.NONE);
        assertThat(run.stepped(11, NONE)).isEmpty();
    }

    @Test
    void aModuleWithoutRanksIsLeftOutAndInfinitiesCountAsNothing() {
        Adapter adapter = TinyAdapters.random(MODEL, TARGETS, 2, random.nextLong());
        LearningRun run = run(new LightPeftPolicy(0.25, 0.66, 0.1), LearningState.NONE);
        double[] outputs = {3, Double.POSITIVE_INFINITY, 4, 2};
        double[][] ranks = {{5, 4}, {9, 9}, {Double.NaN, 3}, {1, 2}};
        Adapter pruned =
                run.stepped(10, estimates(1, outputs, ranks)).orElseThrow().apply(adapter);
        // Three modules with six ranks, of which three are left.
        assertThat(pruned.modules()).containsOnlyKeys(Q0, Q1);
        assertThat(pruned.factors().get(Q0).rank()).isEqualTo(2);
        assertThat(pruned.factors().get(Q1).rank()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"0.99, 0.99", "0, 0", "0.75, 0.5", "0, 0.99"})
    void somethingIsAlwaysLeft(double modules, double ranks) {
        Adapter adapter = TinyAdapters.random(MODEL, TARGETS, 2, random.nextLong());
        LearningRun run = run(new LightPeftPolicy(modules, ranks, 0.1), LearningState.NONE);
        double[][] equal = {{1, 1}, {1, 1}, {1, 1}, {1, 1}};
        Adapter pruned = run.stepped(10, estimates(1, new double[] {1, 1, 1, 1}, equal))
                .orElseThrow()
                .apply(adapter);
        int left = 4 - (int) (4 * modules);
        int rest = 2 * left - (int) (2 * left * ranks);
        assertThat(pruned.factors().values().stream().mapToInt(LowRank::rank).sum())
                .isEqualTo(rest)
                .isPositive();
        if (modules + ranks == 0) {
            assertThat(pruned).usingRecursiveComparison().isEqualTo(adapter);
        }
    }

    @Test
    void theStateIsAllThatIsRemembered() {
        Adapter adapter = TinyAdapters.random(MODEL, TARGETS, 2, random.nextLong());
        LightPeftPolicy policy = new LightPeftPolicy(0.5, 0.5, 0.1);
        LearningRun whole = run(policy, LearningState.NONE);
        List<SortedMap<Site, Estimate>> steps = IntStream.range(0, 5)
                .mapToObj(i -> estimates(
                        1,
                        random.doubles(4).toArray(),
                        random.doubles(2).toArray(),
                        random.doubles(2).toArray(),
                        random.doubles(2).toArray(),
                        random.doubles(2).toArray()))
                .toList();
        UnaryOperator<Adapter> expected = UnaryOperator.identity();
        LearningRun again = run(policy, LearningState.NONE);
        for (int i = 0; i < 5; i++) {
            expected = whole.stepped(6 + i, steps.get(i)).orElse(expected);
        }
        UnaryOperator<Adapter> found = UnaryOperator.identity();
        for (int i = 0; i < 5; i++) {
            again = run(policy, again.state());
            found = again.stepped(6 + i, steps.get(i)).orElse(found);
        }
        assertThat(found.apply(adapter)).usingRecursiveComparison().isEqualTo(expected.apply(adapter));
        assertThat(found.apply(adapter).modules()).hasSizeLessThan(4);
    }

    @Test
    void onlyLoraIsPruned() {
        LoraConfig config = new LoraConfig(2, 4, false, TARGETS, "");
        LightPeftPolicy policy = new LightPeftPolicy(0.5, 0.5, 0.1);
        assertThat(policy.refusal(new LoraMethod(config))).isEmpty();
        assertThat(policy.refusal(new DyloraMethod(config))).isPresent();
        assertThatThrownBy(() -> new LightPeftPolicy(1, 0.5, 0.1)).hasMessageContaining("module sparsity of 1.0");
    }
}
