package io.tandem.scheduler.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.KernelsConfig;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Against a latency model that has seen nothing, so that its priors decide. */
class HybridTokenPlannerTest {
    private static final long PACE = 47_500_000;
    private static final int LAYERS = 3;
    private static final KernelsConfig LIMITS = FakeDevice.limits(64, 4096, 1);
    private static final PackProgress FORWARD = new PackProgress(1000, LAYERS, 1000, 1000 * LAYERS);
    private static final PackProgress BACKWARD = new PackProgress(1000, LAYERS, 0, 2500);

    private final LatencyModel latency = new LatencyModel(16);

    private HybridTokenPlanner planner(double floor, int fixed) {
        Finetuning finetuning = new Finetuning(1024, floor, fixed, Mode.CO_SERVING, 1);
        return new HybridTokenPlanner(
                new SchedulerConfig(new Targets(50, 2000), finetuning, 256, 0, 100, 10, 1, Speculation.NONE),
                LIMITS,
                latency);
    }

    private static Optional<PendingTraining> pending(PackProgress pack, ServingSpell spell) {
        return Optional.of(new PendingTraining(Set.of(""), pack, true, spell));
    }

    private static List<Sequence> answers(int count) {
        List<Sequence> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            answers.add(Running.answer(1, 40, 0));
        }
        return answers;
    }

    @Test
    void theWindowIsTheLargestThatFitsBesideTheAnswers() {
        for (PackProgress pack : List.of(FORWARD, BACKWARD)) {
            IterationPlan plan =
                    planner(0.05, 0).plan(answers(4), 0, pending(pack, ServingSpell.NONE), ModestTenants.NONE, 0);
            assertThat(plan.chunks()).hasSize(4).allMatch(IterationPlan.Chunk::draws);
            TrainingWork work = plan.training().orElseThrow();
            assertThat(work.forwardRows() > 0).isEqualTo(pack == FORWARD);
            assertThat(latency.predictNanos(plan.features())).isLessThanOrEqualTo(PACE);
            IterationFeatures more = pack == FORWARD
                    ? plan.features().withForward(work.forwardRows() + 1)
                    : plan.features().withBackward(work.backwardRowLayers() + 1, (int)
                            (1 + (work.backwardRowLayers() + 1) / pack.rows()));
            assertThat(latency.predictNanos(more)).isGreaterThan(PACE);
        }
    }

    @Test
    void whileRequestsWaitForAPlaceTheFloorIsSavedUp() {
        HybridTokenPlanner planner = planner(0.05, 0);
        assertThat(planner.plan(answers(4), 1, pending(FORWARD, ServingSpell.NONE), ModestTenants.NONE, 0)
                        .training())
                .isEmpty();
        ServingSpell second = new ServingSpell(50, 1_000_000_000);
        assertThat(planner.plan(answers(4), 1, pending(FORWARD, second), ModestTenants.NONE, 0)
                        .training())
                .contains(new TrainingWork(16, 0));
        assertThat(planner(0, 0)
                        .plan(answers(4), 1, pending(FORWARD, second), ModestTenants.NONE, 0)
                        .training())
                .isEmpty();
    }

    @Test
    void fixedWindowsDependOnNothingButThePack() {
        HybridTokenPlanner planner = planner(0.05, 100);
        for (int answers : new int[] {0, 4, 60}) {
            for (int waiting : new int[] {0, 5}) {
                assertThat(planner.plan(
                                        answers(answers),
                                        waiting,
                                        pending(FORWARD, ServingSpell.NONE),
                                        ModestTenants.NONE,
                                        0)
                                .training())
                        .contains(new TrainingWork(100, 0));
                assertThat(planner.plan(
                                        answers(answers),
                                        waiting,
                                        pending(BACKWARD, ServingSpell.NONE),
                                        ModestTenants.NONE,
                                        0)
                                .training())
                        .contains(new TrainingWork(0, 300));
            }
        }
        PackProgress rest = new PackProgress(1000, LAYERS, 70, 1000 * LAYERS);
        assertThat(planner.plan(answers(4), 0, pending(rest, ServingSpell.NONE), ModestTenants.NONE, 0)
                        .training())
                .contains(new TrainingWork(70, 0));
    }

    @Test
    void withoutAJobNothingTrains() {
        assertThat(planner(0.05, 0)
                        .plan(answers(3), 0, Optional.empty(), ModestTenants.NONE, 0)
                        .training())
                .isEmpty();
        assertThat(planner(0.05, 0)
                        .plan(List.of(), 0, Optional.empty(), ModestTenants.NONE, 0)
                        .empty())
                .isTrue();
    }

    /** Whatever runs and waits: room for every decode row, no more than the device takes, no more than the pack has. */
    @Property(tries = 300)
    void everyPlanCanRun(@ForAll long seed) {
        Random random = new Random(seed);
        List<Sequence> running = new ArrayList<>();
        int decoding = random.nextInt(60);
        for (int i = 0; i < decoding; i++) {
            int generated = 1 + random.nextInt(30);
            long first = random.nextInt(2000) * 1_000_000L;
            running.add(
                    random.nextBoolean()
                            ? Running.answer(generated, 40, first)
                            : Running.repeating(generated, 40, first));
        }
        for (int i = random.nextInt(5); i > 0; i--) {
            running.add(Running.prompt(1 + random.nextInt(600), 40, random.nextInt(2000) * 1_000_000L));
        }
        int rows = 1 + random.nextInt(2000);
        boolean forward = random.nextBoolean();
        PackProgress pack = new PackProgress(
                rows,
                LAYERS,
                forward ? 1 + random.nextInt(rows) : 0,
                forward ? (long) rows * LAYERS : 1 + random.nextInt(rows * LAYERS));
        int fixed = random.nextInt(3) == 0 ? 1 + random.nextInt(300) : 0;
        ServingSpell spell = new ServingSpell(3, random.nextInt(500) * 1_000_000L);
        IterationPlan plan = planner(random.nextInt(3) * 0.1, fixed)
                .plan(List.copyOf(running), random.nextInt(2), pending(pack, spell), ModestTenants.NONE, 2_000_000_000);
        assertThat(plan.features().decodeRows()).isEqualTo(decoding);
        TrainingWork work = plan.training().orElse(new TrainingWork(0, 0));
        assertThat(work.forwardRows()).isBetween(0, pack.forwardRows());
        assertThat(work.backwardRowLayers()).isBetween(0L, pack.backwardRowLayers());
        assertThat(work.forwardRows() == 0 || work.backwardRowLayers() == 0).isTrue();
        int inference = plan.chunks().stream()
                .mapToInt(chunk -> chunk.tokens() + chunk.draft().length)
                .sum();
        assertThat(inference + work.forwardRows()).isLessThanOrEqualTo(LIMITS.maxTokensPerIteration());
        assertThat(plan.features().rows()).isEqualTo(inference + work.forwardRows());
        assertThat(plan.features().forwardRows()).isEqualTo(work.forwardRows());
        assertThat(plan.features().backwardRowLayers()).isEqualTo(work.backwardRowLayers());
        assertThat(plan.empty()).isFalse();
    }
}
