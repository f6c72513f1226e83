package io.tandem.scheduler.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.PackProgress;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Against a latency model that has seen nothing: an iteration takes 2 ms, a row 0.1 ms, and drafts little. */
class DraftPlannerTest {
    private static final int ROWS = 512;
    private static final long PLENTY = 50_000_000;
    private static final long PACE = 47_500_000;

    private final LatencyModel latency = new LatencyModel(16);
    private final DraftPlanner drafts = new DraftPlanner(latency);
    private final InferencePlanner inference = new InferencePlanner(
            config(), latency, new TenantDelay(config().targets(), latency, new SpareTime(latency, 64)));

    private static SchedulerConfig config() {
        Finetuning finetuning = new Finetuning(1024, 0.05, 0, Mode.CO_SERVING, 1);
        return new SchedulerConfig(new Targets(50, 2000), finetuning, 256, 0, 100, 10, 1, Speculation.NONE);
    }

    private IterationPlan plan(int maxRows, long budgetNanos, Sequence... running) {
        IterationPlan plan = inference.plan(List.of(running), maxRows, 1, ModestTenants.NONE, 0);
        return drafts.add(plan, plan.features(), maxRows - plan.features().rows(), budgetNanos);
    }

    private static int[] lengths(IterationPlan plan) {
        return plan.chunks().stream().mapToInt(chunk -> chunk.draft().length).toArray();
    }

    @Test
    void whatRepeatsItselfIsDraftedAsFarAsItPays() {
        IterationPlan plan = plan(ROWS, PLENTY, Running.repeating(200, 400, 0), Running.answer(200, 400, 0));
        assertThat(lengths(plan)).containsExactly(8, 0);
        assertThat(plan.chunks().get(0).draft())
                .containsOnly(Running.repeating(1, 2, 0).next(1)[0]);
        assertThat(plan.features().drafts()).isEqualTo(1);
        assertThat(plan.features().draftRows()).isEqualTo(8);
        assertThat(plan.features().decodeRows()).isEqualTo(2);
    }

    @Test
    void aSequenceThatHasJustBegunHasLowOdds() {
        assertThat(lengths(plan(ROWS, PLENTY, Running.repeating(4, 400, 0)))[0]).isLessThan(4);
    }

    @Test
    void draftsTakeNoMoreThanTheBudgetLeaves() {
        Sequence[] running = {Running.repeating(200, 400, 0), Running.repeating(200, 400, 0)};
        IterationPlan alone = inference.plan(List.of(running), ROWS, 1, ModestTenants.NONE, 0);
        long all = latency.predictNanos(plan(ROWS, PLENTY, running).features());
        long none = latency.predictNanos(alone.features());
        assertThat(all).isGreaterThan(none);
        int rowsBefore = 0;
        for (int percent = 0; percent <= 100; percent += 10) {
            long budget = none + (all - none) * percent / 100;
            IterationPlan plan = plan(ROWS, budget, running);
            assertThat(latency.predictNanos(plan.features())).isLessThanOrEqualTo(budget);
            assertThat(plan.features().draftRows()).isGreaterThanOrEqualTo(rowsBefore);
            rowsBefore = plan.features().draftRows();
        }
        assertThat(lengths(plan(ROWS, none, running))).containsOnly(0);
        assertThat(rowsBefore).isEqualTo(16);
    }

    /** Of two answers that miss their target already, the one without a draft would only lose. */
    @Test
    void beyondTheBudgetEverybodyHasToGain() {
        assertThat(lengths(plan(ROWS, 1, Running.repeating(200, 400, 0)))).containsExactly(8);
        assertThat(lengths(plan(ROWS, 1, Running.repeating(200, 400, 0), Running.answer(200, 400, 0))))
                .containsExactly(0, 0);
    }

    @Test
    void neitherTheRowsOfTheIterationNorOfTheAnswerAreExceeded() {
        assertThat(lengths(plan(4, PLENTY, Running.repeating(200, 400, 0)))).containsExactly(3);
        assertThat(lengths(plan(ROWS, PLENTY, Running.repeating(200, 203, 0)))).containsExactly(2);
        assertThat(lengths(plan(ROWS, PLENTY, Running.repeating(200, 201, 0)))).containsExactly(0);
    }

    /** A row takes ten times as long as the iteration that it might save. */
    @Test
    void whatCostsMoreThanItSavesIsNotDrafted() {
        IterationFeatures one = IterationFeatures.decoding(1, 200);
        for (int i = 0; i < 500; i++) {
            latency.observe(one, 1_000_000);
            latency.observe(one.withDraft(1 + i % 8, 0), 1_000_000 + 10_000_000L * (1 + i % 8));
        }
        assertThat(lengths(plan(ROWS, 1_000_000_000, Running.repeating(200, 400, 0))))
                .containsExactly(0);
    }

    @Test
    void aWindowTakesWhatDraftsLeave() {
        PackProgress pack = new PackProgress(1000, 3, 1000, 3000);
        HybridTokenPlanner planner = new HybridTokenPlanner(config(), FakeDevice.limits(64, 4096, 1), latency);
        Optional<PendingTraining> training =
                Optional.of(new PendingTraining(Set.of(""), pack, true, ServingSpell.NONE));
        IterationPlan without =
                planner.plan(List.of(Running.answer(200, 400, 0)), 0, training, ModestTenants.NONE, 199 * PACE);
        IterationPlan with =
                planner.plan(List.of(Running.repeating(200, 400, 0)), 0, training, ModestTenants.NONE, 199 * PACE);
        assertThat(lengths(with)[0]).isPositive();
        assertThat(with.training().orElseThrow().forwardRows())
                .isBetween(1, without.training().orElseThrow().forwardRows());
        assertThat(latency.predictNanos(with.features())).isLessThanOrEqualTo(PACE);
    }
}
