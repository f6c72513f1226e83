package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How much later a tenant's first tokens come because of others, whose iterations take 20 ms and more if they may. */
class TenantDelaySimulationTest {
    private static final int SLOTS = 32;
    private static final double DELAY = 5;
    private static final double NANOS_PER_MILLI = 1e6;
    /** The latency model's error on a device that its kinks do not fit exactly. */
    private static final double ERROR = 1.1;

    private static final String LOUD = "loud";
    private static final String QUIET = "quiet";
    private static final int PROMPT = 20;
    private static final int VISITS = 60;
    /** What a prompt of that many tokens takes alone, by {@link Scenario#millis}. */
    private static final double ALONE = 2 + 0.1 * PROMPT;

    private final Random random = new Random(11);
    private final List<RecordingSink> flood = new ArrayList<>();
    private final List<RecordingSink> open = new ArrayList<>();
    private final RecordingJobSink job = new RecordingJobSink();
    private long id;

    enum Kind {
        ANSWERS,
        PROMPTS,
        BATCHES,
        JOBS,
        ALL
    }

    private static SchedulerConfig config(double delay) {
        return config(delay, Scenario.CONFIG.targets().tpotMillis());
    }

    private static SchedulerConfig config(double delay, double tpotMillis) {
        SchedulerConfig plain = Scenario.CONFIG;
        return new SchedulerConfig(
                new Targets(tpotMillis, plain.targets().ttftMillis(), delay),
                plain.finetuning(),
                plain.prefillChunkTokens(),
                0,
                1000,
                10,
                2,
                plain.speculation());
    }

    private static Scenario scenario(double delay) {
        return scenario(config(delay));
    }

    private static Scenario scenario(SchedulerConfig config) {
        KernelsConfig limits = FakeDevice.limits(SLOTS, 1024, 2);
        return new Scenario(limits, config);
    }

    private RecordingSink submit(Scenario scenario, String caller, int prompt, int tokens) {
        return submit(scenario, caller, prompt, tokens, false);
    }

    private RecordingSink submit(Scenario scenario, String caller, int prompt, int tokens, boolean batch) {
        RecordingSink sink = new RecordingSink();
        InferenceRequest request = new InferenceRequest(
                id++,
                caller,
                random.ints(prompt, 0, 1000).toArray(),
                tokens,
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE);
        assertThat(scenario.engine.submit(batch ? request.asBestEffort() : request, sink))
                .isEmpty();
        return sink;
    }

    /** Asks for more, if some of what was asked for has ended. */
    private void flood(Scenario scenario, Kind kind) {
        open.removeIf(RecordingSink::ended);
        while (kind != Kind.JOBS && open.size() < (kind == Kind.PROMPTS ? 3 : 2 * SLOTS)) {
            boolean prompts = kind == Kind.PROMPTS;
            int length = prompts ? 900 : 50 + random.nextInt(200);
            RecordingSink sink = submit(scenario, LOUD, length, prompts ? 1 : 100, kind == Kind.BATCHES);
            open.add(sink);
            flood.add(sink);
        }
    }

    private void train(Scenario scenario) {
        FinetuneJob own = Scenario.job("job", random, 400, 40);
        assertThat(scenario.engine.submit(own, job)).isEmpty();
    }

    private static double millis(IterationReport report) {
        return report.durationNanos() / NANOS_PER_MILLI;
    }

    private static IterationReport last(Scenario scenario) {
        return scenario.reports.get(scenario.reports.size() - 1);
    }

    /**
     * The most, over all visits but the first, that the iteration under way, what trainees need beside it, and all until the first
     * token take beyond what the first token takes alone.
     */
    private double worstDelay(Scenario scenario, Kind kind) {
        double worst = 0;
        if (kind == Kind.JOBS || kind == Kind.ALL) {
            train(scenario);
        }
        // The latency model learns what things cost.
        for (int i = 0; i < 300; i++) {
            flood(scenario, kind);
            scenario.engine.iterate();
        }
        for (int visit = 0; visit < VISITS; visit++) {
            long underWay = 0;
            for (int i = 0; i < 8; i++) {
                flood(scenario, kind);
                underWay = scenario.device.nanoTime();
                scenario.engine.iterate();
                scenario.engine.checkIntegrity();
            }
            RecordingSink sink = submit(scenario, QUIET, PROMPT, 2);
            long first = underWay;
            while (sink.tokens().isEmpty()) {
                first = scenario.device.nanoTime();
                scenario.engine.iterate();
            }
            double firstMillis = millis(last(scenario));
            double waited = (first - underWay) / NANOS_PER_MILLI;
            worst = Math.max(worst, visit == 0 ? 0 : waited + firstMillis - ALONE);
        }
        return worst;
    }

    @ParameterizedTest
    @EnumSource
    void othersAddNoMoreThanTheSettingSays(Kind kind) {
        assertThat(worstDelay(scenario(DELAY), kind)).isLessThanOrEqualTo(ERROR * DELAY);
    }

    /** A piece of a long step, 20 ms if it may, follows an iteration that is as long as it may be, or none. */
    @Test
    void longStepsAddHalfAsMuchAgain() {
        Scenario slow = scenario(config(DELAY, 80));
        slow.device.slowSteps(100, 1);
        assertThat(worstDelay(slow, Kind.JOBS)).isGreaterThan(DELAY).isLessThanOrEqualTo(1.5 * ERROR * DELAY);
    }

    /** Else the tests above would say nothing. */
    @ParameterizedTest
    @EnumSource
    void withoutTheSettingTheyAddMore(Kind kind) {
        assertThat(worstDelay(scenario(0), kind)).isGreaterThan(2 * DELAY);
    }

    /** The flood goes on meanwhile, with all of its answers alike, and the job too. */
    @Test
    void othersGoOn() {
        Scenario scenario = scenario(DELAY);
        train(scenario);
        for (int i = 0; i < SLOTS - 1; i++) {
            flood.add(submit(scenario, LOUD, 10, 200));
        }
        for (int i = 0; i < 100; i++) {
            scenario.engine.iterate();
        }
        List<Integer> before = flood.stream().map(sink -> sink.tokens().size()).toList();
        int from = scenario.reports.size();
        for (int visit = 0; visit < 100; visit++) {
            submit(scenario, QUIET, PROMPT, 1);
            for (int i = 0; i < 4; i++) {
                scenario.engine.iterate();
            }
        }
        IntSummaryStatistics gained = new IntSummaryStatistics();
        for (int i = 0; i < flood.size(); i++) {
            gained.accept(flood.get(i).tokens().size() - before.get(i));
        }
        assertThat(gained.getMin()).isGreaterThan(50);
        assertThat(gained.getMax() - gained.getMin()).isLessThanOrEqualTo(gained.getMax() / 4);
        double training = 0;
        double all = 0;
        for (IterationReport report : scenario.reports.subList(from, scenario.reports.size())) {
            training += report.trainingNanos();
            all += report.durationNanos();
        }
        assertThat(training / all).isGreaterThan(0.5 * config(0).finetuning().floor());
        scenario.runDry();
        assertThat(flood).allMatch(sink -> sink.end().reason() == FinishReason.LENGTH);
    }

    /** Though few iterations give no first token, or none; who sends for seconds without a pause is not modest. */
    @ParameterizedTest
    @ValueSource(ints = {4, 5000})
    void aJobGoesOnBesideATenantThatSendsOften(int pause) {
        Scenario scenario = scenario(DELAY);
        train(scenario);
        double training = 0;
        double all = 0;
        for (int i = 0; i < 5000; i++) {
            if (i % pause != 0) {
                submit(scenario, QUIET, 1, 1);
            }
            scenario.engine.iterate();
            IterationReport report = last(scenario);
            assertThat(report.bounded() && report.prefillTokens() > 0 && report.finetunes())
                    .isFalse();
            training += report.trainingNanos();
            all += report.durationNanos();
        }
        assertThat(training / all).isGreaterThan(0.8 * config(0).finetuning().floor());
    }

    /** Ten seconds after its last request a tenant is alone again. */
    @Test
    void whoHasLeftCostsNothing() {
        Scenario scenario = scenario(DELAY);
        train(scenario);
        for (int i = 0; i < 50; i++) {
            scenario.engine.iterate();
        }
        submit(scenario, QUIET, PROMPT, 2);
        scenario.engine.iterate();
        scenario.engine.iterate();
        long left = scenario.device.nanoTime();
        scenario.engine.iterate();
        assertThat(millis(last(scenario))).isLessThanOrEqualTo(ERROR * DELAY);
        assertThat(last(scenario).bounded()).isTrue();
        while (scenario.device.nanoTime() - left < 10_000 * NANOS_PER_MILLI) {
            scenario.engine.iterate();
        }
        double longest = 0;
        for (int i = 0; i < 20; i++) {
            scenario.engine.iterate();
            longest = Math.max(longest, millis(last(scenario)));
        }
        assertThat(longest).isGreaterThan(2 * DELAY);
        assertThat(last(scenario).bounded()).isFalse();
    }

    /** Whatever users a tenant has: every iteration is the one that it is without the setting. */
    @Property(tries = 10)
    void withOneTenantNothingChanges(@ForAll long seed) {
        List<List<IterationReport>> reports = new ArrayList<>();
        for (double delay : new double[] {0, DELAY}) {
            Random own = new Random(seed);
            Scenario scenario = scenario(delay);
            Set<String> users = Set.of("/a", "/b", "");
            List<String> callers = users.stream().sorted().collect(Collectors.toList());
            assertThat(scenario.engine.submit(Scenario.job("job", own, 100, 10), new RecordingJobSink()))
                    .isEmpty();
            for (int i = 0; i < 400; i++) {
                if (own.nextInt(6) == 0) {
                    InferenceRequest request = new InferenceRequest(
                            i,
                            callers.get(own.nextInt(3)),
                            own.ints(1 + own.nextInt(300), 0, 1000).toArray(),
                            1 + own.nextInt(60),
                            List.of(),
                            SamplingParams.GREEDY,
                            StopRule.NONE);
                    boolean batch = own.nextInt(4) == 0;
                    assertThat(scenario.engine.submit(batch ? request.asBestEffort() : request, new RecordingSink()))
                            .isEmpty();
                }
                scenario.engine.iterate();
            }
            reports.add(scenario.reports);
        }
        assertThat(reports.get(1)).isEqualTo(reports.get(0));
    }
}
