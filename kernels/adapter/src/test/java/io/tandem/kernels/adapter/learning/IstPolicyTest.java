package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.learning.LearningRun.Finding;
import io.tandem.kernels.adapter.learning.LearningRun.Probe;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.kernels.testing.Seeded;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IstPolicyTest {
    private static final IstPolicy POLICY = new IstPolicy(0.25, 10);
    private static final Offset<Double> EXACT = within(1e-12);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();

    private Setting setting(int layers, int examples) {
        return new Setting(layers, examples, 1000, seed);
    }

    private static SortedSet<Integer> layers(LearningRun run, int step) {
        return run.plan(step).layers().orElseThrow();
    }

    /** Goes through all probes before a step. */
    private static Finding probe(LearningRun run, int step, double... losses) {
        for (int i = 0; i < losses.length - 1; i++) {
            assertThat(run.probe(step)).isPresent();
            assertThat(run.probed(losses[i])).isEmpty();
        }
        assertThat(run.probe(step)).isPresent();
        Finding finding = run.probed(losses[losses.length - 1]).orElseThrow();
        assertThat(run.probe(step)).isEmpty();
        return finding;
    }

    @ParameterizedTest
    @CsvSource({"32, 0.25, 8", "6, 0.25, 2", "1, 0.25, 1", "24, 0.01, 1", "5, 1, 5"})
    void aShareOfTheLayersLearns(int layers, double share, int expected) {
        LearningRun run = new IstPolicy(share, 10).start(setting(layers, 100), LearningState.NONE);
        Set<SortedSet<Integer>> drawn = new HashSet<>();
        for (int step = 0; step < 200; step++) {
            assertThat(layers(run, step)).hasSize(expected).allMatch(layer -> layer >= 0 && layer < layers);
            assertThat(layers(run, step)).isEqualTo(layers(run, step));
            assertThat(run.plan(step).suppressed()).isEmpty();
            drawn.add(layers(run, step));
        }
        assertThat(drawn).hasSizeGreaterThan(expected < layers ? 3 : 0);
    }

    /** Of 8 layers 2 learn; a binomial of 4000 steps is within five standard deviations. */
    @Test
    void layersAreDrawnAlikeUntilMoreIsKnown() {
        LearningRun run = POLICY.start(setting(8, 100), LearningState.NONE);
        int[] counts = new int[8];
        for (int step = 0; step < 4000; step++) {
            layers(run, step).forEach(layer -> counts[layer]++);
        }
        assertThat(Arrays.stream(counts).boxed()).as("seed %d", seed).allMatch(count -> Math.abs(count - 1000) < 137);
    }

    @Test
    void probesComeEveryTenStepsAndSuppressHalfOfTheLayersThreeTimes() {
        LearningRun run = POLICY.start(setting(8, 100), LearningState.NONE);
        for (int step = 0; step < 25; step++) {
            assertThat(run.probe(step).isPresent()).isEqualTo(step == 10 || step == 20);
            if (step % 10 == 0 && step > 0) {
                List<Probe> probes = new ArrayList<>();
                do {
                    probes.add(run.probe(step).orElseThrow());
                } while (run.probed(1).isEmpty());
                assertThat(probes).hasSize(3).extracting(Probe::plan).doesNotHaveDuplicates();
                assertThat(probes).allMatch(probe -> probe.plan().suppressed().size() == 4);
                assertThat(probes)
                        .extracting(Probe::examples)
                        .containsOnly(probes.get(0).examples());
                assertThat(probes.get(0).examples()).hasSize(16).doesNotHaveDuplicates();
            }
        }
    }

    @Test
    void aSmallJobHasFewExamplesAndASmallModelFewSetsOfLayers() {
        LearningRun run = POLICY.start(setting(2, 3), LearningState.NONE);
        assertThat(run.probe(10).orElseThrow().examples()).containsExactly(0, 1, 2);
        assertThat(probe(run, 10, 1, 2).importance()).hasSize(2);
        LearningRun single = POLICY.start(setting(1, 3), LearningState.NONE);
        assertThat(probe(single, 10, 1).importance()).containsExactly(0.0);
    }

    /** Rewards are exp(-loss), centred; at I = 0 the slope of the sigmoid is a quarter, and the rate is ten. */
    @Test
    void whatIsMissedWhenItIsSuppressedBecomesImportant() {
        LearningRun run = POLICY.start(setting(4, 100), LearningState.NONE);
        double[] losses = {Math.log(2), Math.log(4), Math.log(4)};
        double[] rewards = {1.0 / 6, -1.0 / 12, -1.0 / 12};
        double[] unimportance = new double[4];
        for (int i = 0; i < 3; i++) {
            for (int layer : run.probe(10).orElseThrow().plan().suppressed()) {
                double sigmoid = 1 / (1 + Math.exp(-unimportance[layer]));
                unimportance[layer] += 10 * rewards[i] * sigmoid * (1 - sigmoid);
            }
            Optional<Finding> finding = run.probed(losses[i]);
            assertThat(finding.isPresent()).isEqualTo(i == 2);
            if (i == 2) {
                for (int layer = 0; layer < 4; layer++) {
                    assertThat(finding.get().importance().get(layer)).isEqualTo(-unimportance[layer], EXACT);
                }
                assertThat(finding.get().losses()).containsExactly(losses[0], losses[1], losses[2]);
            }
        }
    }

    @Test
    void whatIsImportantLearnsMoreOften() {
        LearningState known = new LearningState(
                new TreeMap<>(Map.of("ist_importance", List.of(3.0, -3.0, -3.0, -3.0), "ist_probed", List.of(10.0))));
        LearningRun run = POLICY.start(setting(4, 100), known);
        long turns = IntStream.range(0, 1000)
                .filter(step -> layers(run, step).contains(0))
                .count();
        // sigmoid(3) of sigmoid(3) + 3 sigmoid(-3)
        assertThat(turns).as("seed %d", seed).isBetween(820L, 910L);
        assertThat(run.probe(10)).as("step 10 had its probes").isEmpty();
        assertThat(run.probe(20)).isPresent();
    }

    /** A run that was stopped anywhere between two steps goes on with the same layers and probes. */
    @Test
    void theStateIsAllThatIsRemembered() {
        LearningRun whole = POLICY.start(setting(8, 100), LearningState.NONE);
        probe(whole, 10, 1.1, 1.2, 0.9);
        // Begun, but not over.
        assertThat(whole.probe(20)).isPresent();
        whole.probed(1);
        LearningRun again = POLICY.start(setting(8, 100), whole.state());
        assertThat(again.state()).isEqualTo(whole.state());
        for (int step = 10; step < 20; step++) {
            assertThat(again.probe(step)).isEmpty();
            assertThat(again.plan(step)).isEqualTo(whole.plan(step));
        }
        assertThat(again.probe(20)).isPresent();
        whole.probed(0.8);
        assertThat(whole.probed(0.7)).isEqualTo(Optional.of(probe(again, 20, 1, 0.8, 0.7)));
        assertThat(again.plan(20)).isEqualTo(whole.plan(20));
    }

    @Test
    void stateOfAnotherModelIsRefused() {
        LearningState state = POLICY.start(setting(8, 100), LearningState.NONE).state();
        assertThatThrownBy(() -> POLICY.start(setting(6, 100), state))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'ist_importance' has 8 numbers, expected 6");
    }

    @Test
    void virtualTokensHaveNoLayers() {
        assertThat(POLICY.refusal(new PromptMethod(new PromptConfig(3, "")))).isPresent();
        assertThat(POLICY.refusal(new LoraMethod(new LoraConfig(1, 1, false, LoraConfig.allLinears(), ""))))
                .isEmpty();
    }
}
