package io.tandem.scheduler.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.PackProgress;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
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

/** Against a latency model that has seen nothing, by which the shortest iteration takes 2.1 ms. */
class TenantDelayTest {
    private static final String LOUD = "loud";
    private static final String QUIET = "quiet";
    private static final ModestTenants MODEST = new ModestTenants(Set.of(QUIET));
    private static final double DELAY = 6;
    private static final long DELAY_NANOS = 6_000_000;
    private static final int LAYERS = 3;
    /** That each token of a draft attends to, so that few fit. */
    private static final int CONTEXT = 5000;

    private static final KernelsConfig LIMITS = FakeDevice.limits(64, 4096, 1);
    private static final PackProgress FORWARD = new PackProgress(1000, LAYERS, 1000, 1000 * LAYERS);
    private static final PackProgress BACKWARD = new PackProgress(1000, LAYERS, 0, 2500);

    private final LatencyModel latency = new LatencyModel(16);
    private final Random random = new Random(3);

    private HybridTokenPlanner planner(double delay, double floor) {
        return new HybridTokenPlanner(config(delay, floor), LIMITS, latency);
    }

    private static SchedulerConfig config(double delay, double floor) {
        return new SchedulerConfig(
                new Targets(50, 2000, delay),
                new Finetuning(1024, floor, 0, Mode.CO_SERVING, 1),
                256,
                0,
                100,
                10,
                1,
                Speculation.NONE);
    }

    private static Optional<PendingTraining> pending(PackProgress pack) {
        return Optional.of(new PendingTraining(Set.of(LOUD), pack, true, ServingSpell.NONE));
    }

    private Sequence prompt(String caller, int tokens) {
        return Running.prompt(caller, random.ints(tokens, 0, 1000).toArray(), 40, 0);
    }

    private static List<Sequence> answers(String caller, int count) {
        List<Sequence> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            answers.add(Running.answer(caller, 1, 40, 0));
        }
        return answers;
    }

    private IterationPlan plan(List<Sequence> running, Optional<PendingTraining> training) {
        return planner(DELAY, 0).plan(running, 0, training, MODEST, 0);
    }

    private double millis(IterationPlan plan) {
        return latency.predictNanos(plan.features()) / 1e6;
    }

    /** Whatever runs, nobody is protected from himself. */
    @Property(tries = 100)
    void withoutModestTenantsThePlanIsTheSame(@ForAll long seed) {
        Random own = new Random(seed);
        List<Sequence> running = new ArrayList<>();
        for (int i = own.nextInt(40); i > 0; i--) {
            running.add(Running.answer("tenant" + own.nextInt(3), 1 + own.nextInt(30), 40, own.nextInt(1000)));
        }
        for (int i = own.nextInt(4); i > 0; i--) {
            running.add(prompt("tenant" + own.nextInt(3), 1 + own.nextInt(600)));
        }
        Optional<PendingTraining> training =
                own.nextBoolean() ? Optional.empty() : pending(own.nextBoolean() ? FORWARD : BACKWARD);
        assertThat(planner(DELAY, 0.05).plan(running, 0, training, ModestTenants.NONE, 0))
                .isEqualTo(planner(0, 0.05).plan(running, 0, training, ModestTenants.NONE, 0));
    }

    @Test
    void othersFillAnIterationUpToTheDelay() {
        IterationPlan answers = plan(answers(LOUD, 60), Optional.empty());
        assertThat(millis(answers)).isLessThanOrEqualTo(DELAY).isGreaterThan(0.9 * DELAY);
        IterationPlan prompts = plan(List.of(prompt(LOUD, 500)), Optional.empty());
        assertThat(millis(prompts)).isLessThanOrEqualTo(DELAY).isGreaterThan(0.9 * DELAY);
        for (PackProgress pack : List.of(FORWARD, BACKWARD)) {
            IterationPlan windows = plan(List.of(), pending(pack));
            assertThat(windows.training()).isPresent();
            assertThat(millis(windows)).isLessThanOrEqualTo(DELAY).isGreaterThan(0.9 * DELAY);
        }
        List<Sequence> all = answers(LOUD, 60);
        all.add(prompt(LOUD, 500));
        all.addAll(answers(QUIET, 2));
        IterationPlan mixed = plan(all, pending(FORWARD));
        assertThat(millis(mixed)).isLessThanOrEqualTo(DELAY).isGreaterThan(0.9 * DELAY);
        assertThat(mixed.features().decodeRows()).isGreaterThan(4);
        assertThat(mixed.features().prefillRows()).isPositive();
        assertThat(mixed.chunks().stream().filter(chunk -> MODEST.have(chunk.sequence())))
                .hasSize(2);
    }

    @Test
    void aFirstTokensIterationHasNothingOfOthers() {
        List<Sequence> running = answers(LOUD, 30);
        running.add(prompt(LOUD, 50));
        running.addAll(answers(QUIET, 1));
        running.add(prompt(QUIET, 40));
        IterationPlan plan = plan(running, pending(BACKWARD));
        assertThat(plan.chunks()).hasSize(2).allMatch(chunk -> MODEST.have(chunk.sequence()));
        assertThat(plan.features().prefillRows()).isEqualTo(40);
        assertThat(plan.training()).isEmpty();
    }

    /** What the floor has saved up waits for the next one. */
    @Test
    void aFirstTokensIterationHasNoFloor() {
        ServingSpell spell = ServingSpell.NONE.plus(1_000_000_000);
        for (PackProgress pack : List.of(FORWARD, BACKWARD)) {
            Optional<PendingTraining> training = Optional.of(new PendingTraining(Set.of(LOUD), pack, true, spell));
            IterationPlan first = planner(DELAY, 0.5).plan(List.of(prompt(QUIET, 40)), 0, training, MODEST, 0);
            assertThat(first.features().prefillRows()).isEqualTo(40);
            assertThat(first.training()).isEmpty();
            IterationPlan next = planner(DELAY, 0.5).plan(answers(QUIET, 1), 0, training, MODEST, 0);
            assertThat(next.training()).isPresent();
        }
    }

    @Test
    void bestEffortRowsOfTurnsMakeWayToo() {
        TemporalPlanner temporal = new TemporalPlanner(config(DELAY, 0), LIMITS, latency);
        List<Sequence> running = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Sequence batch = Running.bestEffort(LOUD, 10);
            Running.generate(batch, 1, 0);
            running.add(batch);
        }
        running.addAll(answers(QUIET, 1));
        IterationPlan bounded = temporal.plan(running, 0, Optional.empty(), MODEST, 0);
        assertThat(millis(bounded)).isLessThanOrEqualTo(DELAY).isGreaterThan(0.9 * DELAY);
        running.add(prompt(QUIET, 2));
        IterationPlan first = temporal.plan(running, 0, Optional.empty(), MODEST, 0);
        assertThat(first.chunks()).hasSize(2).allMatch(chunk -> MODEST.have(chunk.sequence()));
        assertThat(temporal.plan(running, 0, Optional.empty(), ModestTenants.NONE, 0)
                        .features()
                        .decodeRows())
                .isEqualTo(61);
    }

    /** Who asks for little is not to be protected from drafts of its own answers. */
    @Test
    void draftsOfModestTenantsAreThoseWithoutOthers() {
        List<Sequence> own = List.of(Running.repeating(QUIET, CONTEXT, 2 * CONTEXT, 0));
        for (Optional<PendingTraining> training : List.of(Optional.<PendingTraining>empty(), pending(BACKWARD))) {
            int alone = drafted(own, training, ModestTenants.NONE);
            assertThat(alone).isGreaterThan(1);
            assertThat(drafted(own, training, MODEST)).isEqualTo(alone);
        }
        List<Sequence> loud = List.of(Running.repeating(LOUD, CONTEXT, 2 * CONTEXT, 0));
        assertThat(drafted(loud, Optional.empty(), MODEST))
                .isLessThan(drafted(loud, Optional.empty(), ModestTenants.NONE));
    }

    private int drafted(List<Sequence> running, Optional<PendingTraining> training, ModestTenants modest) {
        return planner(0.1, 0).plan(running, 0, training, modest, 0).features().draftRows();
    }

    /** As they would without others. */
    @Test
    void promptsOfModestTenantsRunTogether() {
        ModestTenants both = new ModestTenants(Set.of(QUIET, "calm"));
        List<Sequence> running = answers(LOUD, 30);
        running.add(prompt(LOUD, 50));
        running.add(prompt(QUIET, 40));
        running.add(prompt("calm", 30));
        running.add(prompt(QUIET, 20));
        IterationPlan plan = planner(DELAY, 0).plan(running, 0, Optional.empty(), both, 0);
        assertThat(plan.chunks()).hasSize(3).allMatch(Chunk::draws);
        assertThat(plan.features().prefillRows()).isEqualTo(90);
    }

    /** Nobody waits as long as somebody else's long prompt runs. */
    @Test
    void othersGoOnBesideALongPrompt() {
        List<Sequence> running = answers(LOUD, 30);
        running.add(prompt(QUIET, 2000));
        IterationPlan plan = plan(running, Optional.empty());
        assertThat(plan.features().decodeRows()).isBetween(1, 29);
        IterationFeatures alone =
                plan(List.of(prompt(QUIET, 2000)), Optional.empty()).features();
        assertThat(plan.features().prefillRows()).isEqualTo(alone.prefillRows());
        assertThat(latency.predictNanos(plan.features()) - latency.predictNanos(alone))
                .isLessThanOrEqualTo(DELAY_NANOS);
    }

    @Test
    void whoHasWaitedLongestIsNext() {
        List<Sequence> running = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            running.add(Running.answer(LOUD, 1, 40, 1000 - i));
        }
        List<Sequence> planned = plan(running, Optional.empty()).chunks().stream()
                .map(Chunk::sequence)
                .toList();
        int size = planned.size();
        assertThat(size).isBetween(10, 50);
        assertThat(planned).containsExactlyInAnyOrderElementsOf(running.subList(60 - size, 60));
    }

    /** Whose context alone takes longer than others may. */
    private Sequence longAnswer(long tokensNanos) {
        Sequence answer = prompt(LOUD, 200_000);
        Running.generate(answer, 1, tokensNanos);
        assertThat(latency.predictNanos(IterationFeatures.decoding(1, answer.computed())))
                .isGreaterThan(2 * DELAY_NANOS);
        return answer;
    }

    @Test
    void promptsGoOnBesideAnAnswerThatDoesNotFit() {
        Sequence answer = longAnswer(0);
        IterationPlan plan = plan(List.of(answer, prompt("other", 500)), Optional.empty());
        assertThat(plan.features().decodeRows()).isOne();
        assertThat(plan.features().prefillRows()).isEqualTo(latency.freeRows());
    }

    /** Nor does it stop those behind it, once it has had its turn. */
    @Test
    void anAnswerThatDoesNotFitGoesOnBesideModestTenants() {
        Sequence answer = longAnswer(0);
        List<Sequence> running = new ArrayList<>(answers(QUIET, 1));
        running.add(Running.answer("other", 1, 40, 1000));
        running.add(answer);
        assertThat(plan(running, Optional.empty()).chunks())
                .extracting(Chunk::sequence)
                .containsExactlyInAnyOrder(running.get(0), answer);
        answer.timeline().token(2000);
        assertThat(plan(running, Optional.empty()).chunks())
                .extracting(Chunk::sequence)
                .containsExactlyInAnyOrder(running.get(0), running.get(1));
    }

    /** Less than what an iteration takes that does next to nothing. */
    @Test
    void onASlowDeviceThingsGoOn() {
        IterationPlan plan = planner(0.1, 0).plan(answers(LOUD, 30), 0, Optional.empty(), MODEST, 0);
        assertThat(millis(plan)).isLessThanOrEqualTo(1.5 * 2.1001).isGreaterThan(2.9);
        IterationPlan window = planner(0.1, 0).plan(List.of(), 0, pending(FORWARD), MODEST, 0);
        assertThat(window.training()).isPresent();
    }

    @Test
    void zeroSetsNoBound() {
        List<Sequence> running = answers(LOUD, 60);
        IterationPlan plan = planner(0, 0).plan(running, 0, pending(FORWARD), MODEST, 0);
        assertThat(plan.features().decodeRows()).isEqualTo(60);
        assertThat(millis(plan)).isGreaterThan(DELAY);
    }
}
