package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What fine-tuning, prompts and answers take from each other. */
class SharingTest {
    private static final int CONTEXT = 96;
    private static final int SLOTS = 8;
    private static final KernelsConfig LIMITS = FakeDevice.limits(SLOTS, CONTEXT, 3);
    private static final Targets TARGETS = new Targets(20, 1000);

    private static SchedulerConfig config(Targets targets, Finetuning finetuning) {
        return new SchedulerConfig(targets, finetuning, 64, 0, 1000, 10, 2, Speculation.NONE);
    }

    private static Finetuning floor(double floor) {
        return new Finetuning(128, floor, 0, Mode.CO_SERVING, 1);
    }

    private static Scenario scenario(ToDoubleFunction<IterationInputs> millis, Finetuning finetuning) {
        return new Scenario(
                new FakeDevice(config(TARGETS, finetuning).deviceLimits(LIMITS), millis), config(TARGETS, finetuning));
    }

    /** Inference alone takes longer than the target. */
    private static double overloaded(IterationInputs inputs) {
        return 25 + Scenario.millis(inputs);
    }

    /** As many short requests as there are slots, and {@code more} that wait. */
    private static void fill(Scenario scenario, int more) {
        while (scenario.engine.openRequests() < SLOTS + more) {
            long id = 1000L + scenario.ends.size() + scenario.engine.openRequests();
            scenario.engine.submit(Scenario.request(id, new int[] {1, 2}, 60), new RecordingSink());
        }
    }

    private static RecordingJobSink train(Scenario scenario) {
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(Scenario.job("job", new Random(1), 200, 20), sink))
                .isEmpty();
        return sink;
    }

    private static double trainingShare(List<IterationReport> reports) {
        double training =
                reports.stream().mapToLong(IterationReport::trainingNanos).sum();
        return training
                / reports.stream().mapToLong(IterationReport::durationNanos).sum();
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.02, 0.1, 0.4})
    void underOverloadFineTuningGetsItsFloorAndNoMore(double floor) {
        Scenario scenario = scenario(SharingTest::overloaded, floor(floor));
        train(scenario);
        for (int i = 0; i < 1500; i++) {
            fill(scenario, 0);
            scenario.engine.iterate();
        }
        assertThat(trainingShare(scenario.reports.subList(300, 1500))).isBetween(0.6 * floor, 1.2 * floor);
    }

    @Test
    void whileRequestsWaitForAPlaceFineTuningGetsItsFloorOnly() {
        Scenario scenario = scenario(Scenario::millis, floor(0.1));
        train(scenario);
        for (int i = 0; i < 1000; i++) {
            fill(scenario, i < 500 ? 0 : 5);
            scenario.engine.iterate();
        }
        assertThat(trainingShare(scenario.reports.subList(200, 500))).isGreaterThan(0.5);
        assertThat(trainingShare(scenario.reports.subList(550, 1000))).isBetween(0.06, 0.12);
    }

    @Test
    void withoutAFloorItMayStandStillAndGoesOnAfterwards() {
        Scenario scenario = scenario(SharingTest::overloaded, floor(0));
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 24, 1), sink);
        for (int i = 0; i < 500; i++) {
            // One after the other, so that there is always an answer whose next token is due.
            fill(scenario, Math.min(0, scenario.engine.openRequests() + 1 - SLOTS));
            scenario.engine.iterate();
        }
        List<IterationReport> busy = scenario.reports.subList(50, 500);
        assertThat(busy).allMatch(report -> !report.finetunes());
        scenario.runDry();
        assertThat(sink.steps()).isNotEmpty();
    }

    @Test
    void fixedWindowsAreTheSameWhateverTheTraffic() {
        assertThat(windows(true)).isEqualTo(windows(false)).hasSizeGreaterThan(20);
    }

    private static List<String> windows(boolean traffic) {
        Scenario scenario = scenario(SharingTest::overloaded, new Finetuning(128, 0.05, 24, Mode.CO_SERVING, 1));
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 24, 2), sink);
        while (!sink.ended()) {
            if (traffic) {
                fill(scenario, 3);
            }
            scenario.engine.iterate();
        }
        return scenario.reports.stream()
                .filter(report -> report.finetunes())
                .map(report -> report.forwardTokens() + " " + report.backwardTokenLayers())
                .toList();
    }

    /** Prompt tokens of each iteration in which a long prompt runs beside an answer. */
    private static List<IterationReport> besideAnAnswer(double ttftMillis) {
        FakeDevice device = new FakeDevice(Scenario.CONFIG.deviceLimits(LIMITS), inputs -> 10 + 0.4 * rows(inputs));
        Scenario scenario = new Scenario(device, config(new Targets(20, ttftMillis), floor(0.05)));
        for (int i = 0; i < 40; i++) {
            long id = i;
            scenario.engine.submit(Scenario.request(2 * id, new int[] {i, 2}, 60), new RecordingSink());
            scenario.engine.iterate();
            int[] prompt = new Random(i).ints(90, 0, 1000).toArray();
            scenario.engine.submit(Scenario.request(2 * id + 1, prompt, 2), new RecordingSink());
            scenario.runDry();
        }
        return scenario.reports.stream()
                .filter(report -> report.iteration() > 500)
                .filter(report -> report.decodeTokens() > 0 && report.prefillTokens() > 1)
                .toList();
    }

    private static int rows(IterationInputs inputs) {
        return inputs.segments().stream()
                .mapToInt(segment -> segment.tokens().length)
                .sum();
    }

    @Test
    void promptsAreCutToWhatFitsTheTarget() {
        assertThat(besideAnAnswer(10_000)).isNotEmpty().allSatisfy(report -> {
            assertThat(report.durationNanos()).isLessThanOrEqualTo(20_000_000);
            assertThat(report.prefillTokens()).isBetween(5, 24);
        });
    }

    @Test
    void aPromptWhoseFirstTokenIsDueIsCutLarger() {
        assertThat(besideAnAnswer(60)).anyMatch(report -> report.prefillTokens() > 30);
    }

    @Test
    void takingTurnsPutsWholeStepsBetweenIterationsOfInference() {
        int interval = 5;
        Scenario scenario = scenario(Scenario::millis, new Finetuning(16, 0.05, 0, Mode.TEMPORAL, interval));
        RecordingJobSink sink = train(scenario);
        int steps = 0;
        int served = 0;
        for (int i = 0; i < 600; i++) {
            fill(scenario, 0);
            scenario.engine.iterate();
            IterationReport report = scenario.reports.get(i);
            boolean trains = report.finetunes();
            boolean serves = report.serves();
            assertThat(trains).isNotEqualTo(serves);
            served += serves ? 1 : 0;
            if (sink.steps().size() > steps) {
                steps = sink.steps().size();
                assertThat(served).isEqualTo(interval);
                served = 0;
            }
        }
        assertThat(steps).isGreaterThan(20);
    }

    @Test
    void whatTrainingCostsIsTheTimeOfTheWindow() {
        Scenario scenario = scenario(Scenario::millis, floor(0.05));
        train(scenario);
        for (int i = 0; i < 600; i++) {
            fill(scenario, 0);
            scenario.engine.iterate();
        }
        for (IterationReport report : scenario.reports.subList(300, 600)) {
            double real = 0.15 * report.forwardTokens() + 0.08 * report.backwardTokenLayers();
            assertThat(report.trainingNanos() / 1e6).isBetween(0.8 * real - 0.5, 1.2 * real + 0.5);
        }
    }
}
