package io.tandem.kernels.adapter.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import java.util.Collections;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DasPolicyTest {
    private static final DasPolicy POLICY = new DasPolicy(0.25, 0.3, 10);
    private static final int LAYERS = 8;
    /** Of 400 steps. */
    private static final int SEARCH = 120;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();

    private Setting setting(int layers, int steps) {
        return new Setting(layers, 100, steps, seed);
    }

    private static Adapter adapter() {
        ModelConfig model = ModelConfig.llama(LAYERS, 16, 2, 1, 8, 20, 61).build();
        return TinyAdapters.random(model, LoraConfig.allLinears(), 2, 1);
    }

    /** Goes through the search; the loss of a trial is higher by one for each of its layers that is needed. */
    private static void search(LearningRun run, int from, int to, Set<Integer> needed) {
        for (int step = from; step < to; step++) {
            for (Optional<LearningRun.Probe> probe = run.probe(step); probe.isPresent(); probe = run.probe(step)) {
                long missed = probe.get().plan().skipped().stream()
                        .filter(needed::contains)
                        .count();
                run.probed(1 + missed);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"32, 0.25, 8", "6, 0.25, 2", "2, 0.9, 1", "24, 0.01, 1", "5, 0.9, 4", "1, 0.5, 0"})
    void aShareOfTheLayersIsSkippedAndOneIsLeft(int layers, double share, int expected) {
        LearningRun run = new DasPolicy(share, 0.3, 10).start(setting(layers, 400), LearningState.NONE);
        Set<SortedSet<Integer>> drawn = new HashSet<>();
        for (int step = 0; step < SEARCH; step++) {
            LearningPlan plan = run.plan(step);
            assertThat(plan.skipped()).hasSize(expected).allMatch(layer -> layer >= 0 && layer < layers);
            assertThat(plan).isEqualTo(run.plan(step));
            assertThat(plan.layers()).isEmpty();
            drawn.add(plan.skipped());
        }
        assertThat(drawn).hasSizeGreaterThan(layers > 2 ? 3 : 0);
        assertThat(run.plan(SEARCH)).isEqualTo(LearningPlan.EVERYTHING);
    }

    /** After 600 times three trials chance has no part in it. */
    @Test
    void theLayersThatAreMissedLeastAreLeftOut() {
        int last = 6000;
        LearningRun run = POLICY.start(setting(LAYERS, 20_000), LearningState.NONE);
        search(run, 0, last, Set.of(0, 1, 3, 4, 6, 7));
        assertThat(run.measuring(last - 1).skipped()).as("seed %d", seed).containsExactly(2, 5);
        Adapter adapter = adapter();
        for (int step = 1; step < last; step += 1000) {
            assertThat(run.stepped(step, Collections.emptySortedMap())).isEmpty();
            assertThat(run.pruned(adapter, step).orElseThrow().skipped()).containsExactly(2, 5);
        }
        Adapter left =
                run.stepped(last, Collections.emptySortedMap()).orElseThrow().apply(adapter);
        assertThat(left.skipped()).containsExactly(2, 5);
        assertThat(left.modules()).hasSize(6 * adapter.modules().size() / 8);
        assertThat(left.modules().keySet()).noneMatch(site -> left.skipped().contains(site.layer()));
        assertThat(run.pruned(left, last)).isEmpty();
        assertThat(run.measuring(last)).isEqualTo(LearningPlan.EVERYTHING);
        assertThat(run.probe(last)).isEmpty();
    }

    /** A layer that was missed is skipped less often while the search goes on. */
    @Test
    void stepsSkipWhatMattersLittle() {
        LearningRun run = POLICY.start(setting(LAYERS, 40_000), LearningState.NONE);
        search(run, 0, 6000, Set.of(0, 1, 3, 4, 6, 7));
        int[] counts = new int[LAYERS];
        for (int step = 6000; step < 8000; step++) {
            run.plan(step).skipped().forEach(layer -> counts[layer]++);
        }
        for (int layer : new int[] {0, 1, 3, 4, 6, 7}) {
            assertThat(counts[layer]).as("seed %d", seed).isLessThan(Math.min(counts[2], counts[5]));
        }
    }

    @Test
    void aRunGoesOnWhereItStopped() {
        Set<Integer> needed = Set.of(1, 2, 3, 4, 5, 7);
        LearningRun whole = POLICY.start(setting(LAYERS, 400), LearningState.NONE);
        search(whole, 0, 60, needed);
        LearningRun half = POLICY.start(setting(LAYERS, 400), whole.state());
        assertThat(half.probe(50)).isEmpty();
        search(whole, 60, SEARCH, needed);
        // One that stops between two trials makes both again.
        half.probe(60);
        half = POLICY.start(setting(LAYERS, 400), half.state());
        search(half, 60, SEARCH, needed);
        assertThat(half.state()).isEqualTo(whole.state());
        for (int step = 60; step < SEARCH; step++) {
            assertThat(half.plan(step)).isEqualTo(whole.plan(step));
        }
        LearningState other = POLICY.start(setting(3, 400), LearningState.NONE).state();
        assertThatThrownBy(() -> POLICY.start(setting(LAYERS, 400), other)).hasMessageContaining("das_importance");
    }

    @Test
    void aShortJobHasTrialsToo() {
        LearningRun run = POLICY.start(setting(LAYERS, 4), LearningState.NONE);
        assertThat(run.probe(0)).isPresent();
        assertThat(run.stepped(1, Collections.emptySortedMap())).isPresent();
        assertThat(run.plan(1)).isEqualTo(LearningPlan.EVERYTHING);
    }

    @Test
    void methodsThatLearnInAnotherFormThanTheyServeAreRefused() {
        LoraConfig config = new LoraConfig(2, 4, false, LoraConfig.allLinears(), "");
        assertThat(POLICY.refusal(new LoraMethod(config))).isEmpty();
        assertThat(POLICY.refusal(new DoraMethod(config))).isEmpty();
        assertThat(POLICY.refusal(new FloraMethod(config))).get().asString().contains("another form");
        assertThatThrownBy(() -> new DasPolicy(1, 0.5, 1)).hasMessageContaining("a share of 1.0");
        assertThatThrownBy(() -> new DasPolicy(0.5, 0, 1)).hasMessageContaining("a search of 0.0");
    }
}
