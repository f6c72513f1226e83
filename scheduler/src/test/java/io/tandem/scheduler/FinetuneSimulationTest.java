package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class FinetuneSimulationTest {
    private static final int CONTEXT = 96;

    @Property(tries = 25)
    void trafficDoesNotChangeWhatAJobDoes(@ForAll long seed) {
        FinetuneJob job = Scenario.job("job", new Random(seed), 30, 2);
        assertThat(trainingLog(job, seed, true)).isEqualTo(trainingLog(job, seed, false));
    }

    private static List<String> trainingLog(FinetuneJob job, long seed, boolean traffic) {
        Random random = new Random(seed);
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        long id = 0;
        while (!sink.ended()) {
            if (traffic && random.nextInt(4) == 0) {
                scenario.engine.submit(
                        Scenario.request(random, id++, CONTEXT, 1, List.of(Scenario.version(1))), new RecordingSink());
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        assertThat(sink.end()).isInstanceOf(JobOutcome.Succeeded.class);
        assertThat(sink.steps()).hasSize(job.totalSteps());
        scenario.runDry();
        return scenario.device.trainingLog();
    }

    @Test
    void onADeviceAsNoisyAsATenthNineInTenIterationsHoldTheTarget() {
        Random noise = new Random(5);
        FakeDevice device = new FakeDevice(
                FakeDevice.limits(8, CONTEXT, 3), inputs -> Scenario.millis(inputs) * (1 + 0.1 * noise.nextGaussian()));
        Scenario scenario = new Scenario(device, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 200, 4), sink);
        Random random = new Random(2);
        long id = 0;
        while (!sink.ended()) {
            if (random.nextInt(10) == 0) {
                scenario.engine.submit(Scenario.request(random, id++, CONTEXT, 0, List.of()), new RecordingSink());
            }
            scenario.engine.iterate();
        }
        List<IterationReport> learned = scenario.reports.subList(100, scenario.reports.size()).stream()
                .filter(report -> report.decodeTokens() > 0)
                .toList();
        long inTime = learned.stream()
                .filter(report ->
                        report.durationNanos() <= Scenario.CONFIG.targets().iterationNanos())
                .count();
        assertThat(learned.size()).isGreaterThan(200);
        assertThat(inTime).isGreaterThanOrEqualTo((long) (0.9 * learned.size()));
        assertThat(scenario.engine.latency().meanRelativeError()).isLessThan(0.15);
    }

    @Test
    void aJobAdvancesUnderFullLoad() {
        FakeDevice device = new FakeDevice(FakeDevice.limits(8, CONTEXT, 3), inputs -> 25 + Scenario.millis(inputs));
        Scenario scenario = new Scenario(device, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 24, 1), sink);
        long id = 0;
        for (int i = 0; i < 20_000 && !sink.ended(); i++) {
            while (scenario.engine.openRequests() < 8) {
                scenario.engine.submit(Scenario.request(id++, new int[] {1, 2}, 60), new RecordingSink());
            }
            scenario.engine.iterate();
        }
        assertThat(sink.end()).isInstanceOf(JobOutcome.Succeeded.class);
    }

    @Test
    void jobsRunOneAfterTheOther() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingJobSink first = new RecordingJobSink();
        RecordingJobSink second = new RecordingJobSink();
        RecordingJobSink third = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("first", new Random(1), 20, 1), first);
        scenario.engine.submit(Scenario.job("second", new Random(2), 20, 1), second);
        scenario.engine.submit(Scenario.job("third", new Random(3), 20, 1), third);
        scenario.engine.iterate();
        assertThat(first.started()).isTrue();
        assertThat(second.started()).isFalse();
        scenario.engine.cancelJob("second");
        scenario.engine.cancelJob("first");
        scenario.engine.iterate();
        assertThat(first.end()).isInstanceOf(JobOutcome.Cancelled.class);
        assertThat(second.end()).isInstanceOf(JobOutcome.Cancelled.class);
        scenario.runDry();
        assertThat(third.end()).isInstanceOf(JobOutcome.Succeeded.class);
        assertThat(scenario.engine.openJobs()).isZero();
    }

    @Test
    void whatCannotBeTrainedIsRefused() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        FinetuneJob good = Scenario.job("job", new Random(1), 3, 1);
        assertThat(refusal(scenario, good, List.of())).isEqualTo(Rejection.Reason.NOTHING_TO_LEARN);
        TrainingPack.Sequence ignored =
                new TrainingPack.Sequence(new int[] {1, 2}, new int[] {TrainingPack.IGNORED, TrainingPack.IGNORED});
        assertThat(refusal(scenario, good, List.of(ignored))).isEqualTo(Rejection.Reason.NOTHING_TO_LEARN);
        TrainingPack.Sequence tooLong = new TrainingPack.Sequence(new int[CONTEXT + 1], new int[CONTEXT + 1]);
        assertThat(refusal(scenario, good, List.of(tooLong))).isEqualTo(Rejection.Reason.EXAMPLE_TOO_LONG);
        LoraConfig large = new LoraConfig(9, 4, false, Set.of(), "");
        FinetuneJob wide = new FinetuneJob("job", good.caller(), large, good.examples(), good.settings());
        assertThat(scenario.engine
                        .submit(wide, new RecordingJobSink())
                        .orElseThrow()
                        .reason())
                .isEqualTo(Rejection.Reason.ADAPTER_TOO_LARGE);
    }

    private static Rejection.Reason refusal(Scenario scenario, FinetuneJob job, List<TrainingPack.Sequence> examples) {
        return scenario.engine
                .submit(
                        new FinetuneJob("x", job.caller(), job.lora(), examples, job.settings()),
                        new RecordingJobSink())
                .orElseThrow()
                .reason();
    }

    @Test
    void aDeviceFailureEndsTheJobWithItsReason() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 20, 1), sink);
        scenario.device.failNext(1);
        scenario.runDry();
        assertThat(((JobOutcome.Failed) sink.end()).message()).contains("out of luck");
    }
}
