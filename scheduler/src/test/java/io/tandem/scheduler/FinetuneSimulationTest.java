package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class FinetuneSimulationTest {
    private static final int CONTEXT = 96;

    @Property(tries = 25)
    void trafficDoesNotChangeWhatAJobDoes(@ForAll long seed) {
        FinetuneJob job = Scenario.job("job", new Random(seed), 30, 2);
        assertThat(story(job, seed, true)).isEqualTo(story(job, seed, false));
    }

    private static JobStory story(FinetuneJob job, long seed, boolean traffic) {
        Random random = new Random(seed);
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        long id = 0;
        if (traffic) {
            scenario.device.slowSteps(random.nextInt(8), 3);
        }
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
        assertThat(scenario.device.trainees()).isZero();
        return JobStory.of(sink);
    }

    @Test
    void onADeviceAsNoisyAsATenthNineInTenAnswersHoldTheTarget() {
        Random noise = new Random(5);
        FakeDevice device = new FakeDevice(
                Scenario.CONFIG.deviceLimits(FakeDevice.limits(8, CONTEXT, 3)),
                inputs -> Scenario.millis(inputs) * (1 + 0.1 * noise.nextGaussian()));
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
        assertThat(learned.size()).isGreaterThan(200);
        long paced = Scenario.CONFIG.targets().tpotNanos();
        assertThat(learned).allMatch(report -> report.durationNanos() <= 2.5 * paced);
        List<RequestReport> ends = scenario.ends.subList(10, scenario.ends.size());
        assertThat(ends.size()).isGreaterThan(20);
        assertThat(ends.stream().filter(end -> end.tpotNanos() <= paced).count())
                .isGreaterThanOrEqualTo((long) (0.9 * ends.size()));
        assertThat(scenario.engine.latency().meanRelativeError()).isLessThan(0.15);
    }

    @Test
    void aJobAdvancesUnderFullLoad() {
        FakeDevice device = new FakeDevice(
                Scenario.CONFIG.deviceLimits(FakeDevice.limits(8, CONTEXT, 3)), inputs -> 25 + Scenario.millis(inputs));
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
    void asManyJobsTrainAtOnceAsAreAllowedAndTheOthersWait() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        List<RecordingJobSink> sinks = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            RecordingJobSink sink = new RecordingJobSink();
            sinks.add(sink);
            scenario.engine.submit(Scenario.job("job" + i, new Random(i), 20, 5), sink);
        }
        scenario.engine.iterate();
        assertThat(sinks).extracting(RecordingJobSink::started).containsExactly(true, true, false, false);
        scenario.engine.cancelJob("job2");
        scenario.engine.cancelJob("job0");
        scenario.engine.iterate();
        assertThat(sinks.get(0).end()).isInstanceOf(JobOutcome.Cancelled.class);
        assertThat(sinks.get(2).end()).isInstanceOf(JobOutcome.Cancelled.class);
        assertThat(sinks.get(3).started()).isTrue();
        scenario.runDry();
        assertThat(sinks.get(1).end()).isInstanceOf(JobOutcome.Succeeded.class);
        assertThat(sinks.get(3).end()).isInstanceOf(JobOutcome.Succeeded.class);
        assertThat(scenario.engine.openJobs()).isZero();
        assertThat(scenario.device.trainees()).isZero();
    }

    @Test
    void jobsNeverTakeASlotFromServing() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        List<RecordingJobSink> jobs = List.of(new RecordingJobSink(), new RecordingJobSink());
        FinetuneJob stacked = under(Scenario.job("a", new Random(1), 100, 5), Scenario.version(7), Scenario.version(8));
        scenario.engine.submit(stacked, jobs.get(0));
        scenario.engine.submit(Scenario.job("b", new Random(2), 100, 5), jobs.get(1));
        scenario.engine.iterate();
        RecordingSink request = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5, Scenario.version(1)), request);
        while (!request.ended()) {
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        assertThat(jobs).noneMatch(RecordingJobSink::ended);
        scenario.runDry();
        assertThat(jobs).allMatch(sink -> sink.end() instanceof JobOutcome.Succeeded);
    }

    @Test
    void theEngineThreadOnlyCopiesWhatOthersPrepared() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 2), Scenario.CONFIG);
        FinetuneJob job = Scenario.job("job", new Random(1), 30, 2);
        FinetuneJob prepared = scenario.engine.prepare(job, site -> new float[0]);
        AdapterVersion version = scenario.engine.prepare(
                "a", Scenario.version(1).hash(), Scenario.version(1).adapter());
        assertThat(scenario.device.preparations()).isEqualTo(2);
        RecordingJobSink trained = new RecordingJobSink();
        scenario.engine.submit(prepared, trained);
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5, version), new RecordingSink());
        scenario.runDry();
        assertThat(trained.end()).isInstanceOf(JobOutcome.Succeeded.class);
        assertThat(scenario.device.preparations()).isEqualTo(2);
        assertThat(story(prepared, 1, false)).isEqualTo(story(job, 1, false));
    }

    private static FinetuneJob under(FinetuneJob job, AdapterVersion... adapters) {
        return new FinetuneJob(
                job.id(),
                job.caller(),
                job.method(),
                List.of(adapters),
                job.training(),
                job.validation(),
                job.settings(),
                job.weight(),
                job.resumeFrom());
    }

    @Test
    void theFrozenAdaptersBelowAreTheOnesThatWereNamed() {
        FinetuneJob job = Scenario.job("job", new Random(1), 30, 2);
        JobStory alone = story(job, 1, false);
        JobStory above = story(under(job, Scenario.version(1)), 1, false);
        assertThat(above).isNotEqualTo(alone);
        assertThat(above).isEqualTo(story(under(job, Scenario.version(1)), 2, true));
    }

    @Test
    void aJobThatOnlyMeasuresWaitsForNoTraineeAndSaysTheSameUnderLoad() {
        List<Example> texts = Scenario.texts(new Random(3), 20);
        FinetuneJob measuring =
                FinetuneJob.measuring("measuring", List.of(Scenario.version(1), Scenario.version(2)), texts);
        Scenario busy = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        List<RecordingJobSink> trained = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            trained.add(new RecordingJobSink());
            busy.engine.submit(Scenario.job("job" + i, new Random(i), 100, 5), trained.get(i));
        }
        busy.engine.iterate();
        Measured measured = measured(busy, measuring);
        assertThat(trained).noneMatch(RecordingJobSink::ended);
        assertThat(trained).extracting(RecordingJobSink::started).containsExactly(true, true, false);
        Scenario alone = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        assertThat(measured).isEqualTo(measured(alone, measuring));
        FinetuneJob base = FinetuneJob.measuring("base", List.of(), texts);
        assertThat(measured(alone, base).loss()).isNotEqualTo(measured.loss());
        assertThat(alone.device.trainees()).isZero();
        assertThat(refusal(FinetuneJob.measuring("nothing", List.of(), List.of())))
                .isEqualTo(Rejection.Reason.NOTHING_TO_LEARN);
    }

    private static Measured measured(Scenario scenario, FinetuneJob job) {
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        while (!sink.ended()) {
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        assertThat(sink.end()).isEqualTo(new JobOutcome.OnlyMeasured());
        assertThat(sink.measurements()).hasSize(1);
        return sink.measurements().get(0);
    }

    @Property(tries = 50)
    void theBestIsKeptAndPatienceEnds(@ForAll long seed) {
        Random random = new Random(seed);
        int every = 1 + random.nextInt(3);
        int patience = 1 + random.nextInt(3);
        FinetuneJob job = Scenario.job(
                "job",
                Scenario.texts(random, 60),
                Scenario.texts(random, 1 + random.nextInt(20)),
                new Objective.Supervised(),
                4,
                new Cadence(1, false, every, patience, true));
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(job, sink);
        scenario.runDry();
        List<Measured> measured = sink.measurements();
        int best = 0;
        for (int i = 1; i < measured.size(); i++) {
            assertThat(i - 1 - best).isLessThan(patience);
            best = measured.get(i).loss() < measured.get(best).loss() ? i : best;
        }
        JobOutcome.Succeeded end = (JobOutcome.Succeeded) sink.end();
        int lastStep = sink.steps().size();
        boolean early = measured.size() - 1 - best == patience && lastStep < job.totalSteps();
        assertThat(end.stoppedEarly()).isEqualTo(early);
        assertThat(early || lastStep == job.totalSteps()).isTrue();
        assertThat(measured).extracting(Measured::step).isEqualTo(measuredSteps(every, lastStep, job.totalSteps()));
        assertThat(end.step()).isEqualTo(measured.get(best).step());
        if (end.step() > 0) {
            assertThat(end.adapter())
                    .isEqualTo(sink.checkpoints().get(end.step() - 1).adapter());
        }
        Measured first = measured.get(0);
        assertThat(first.lossByAbility().keySet())
                .containsExactlyInAnyOrderElementsOf(job.validation().stream()
                        .map(Example::ability)
                        .distinct()
                        .toList());
    }

    private static List<Integer> measuredSteps(int every, int lastStep, int totalSteps) {
        return IntStream.rangeClosed(0, lastStep)
                .filter(step -> step % every == 0 || step == totalSteps)
                .boxed()
                .toList();
    }

    @Test
    void checkpointsComeEveryFewStepsAndAtTheEndsOfEpochs() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        // 60 examples in batches of 12 make 5 steps an epoch.
        scenario.engine.submit(
                Scenario.job(
                        "job",
                        Scenario.texts(new Random(1), 60),
                        List.of(),
                        new Objective.Supervised(),
                        2,
                        new Cadence(3, true, 0, 0, false)),
                sink);
        scenario.runDry();
        assertThat(sink.checkpoints()).extracting(JobCheckpoint::step).containsExactly(3, 5, 6, 9, 10);
    }

    @Property(tries = 20)
    void fixedWindowsDoNotDependOnHowFastTheDeviceIs(@ForAll long seed) {
        List<Integer> slow = windows(seed, 10);
        assertThat(slow).isEqualTo(windows(seed, 0.01));
        assertThat(slow).allMatch(rows -> rows <= 16).contains(16);
    }

    /** Rows of the forward windows and of the backward windows, these less than zero. */
    private static List<Integer> windows(long seed, double factor) {
        SchedulerConfig config = Scenario.withFixedWindow(16);
        FakeDevice device = new FakeDevice(
                config.deviceLimits(FakeDevice.limits(4, CONTEXT, 1)), inputs -> factor * Scenario.millis(inputs));
        Scenario scenario = new Scenario(device, config);
        scenario.engine.submit(Scenario.job("job", new Random(seed), 30, 1), new RecordingJobSink());
        scenario.runDry();
        return scenario.reports.stream()
                .map(report -> report.forwardTokens() - report.backwardTokenLayers())
                .toList();
    }

    @Test
    void whatCannotBeTrainedIsRefused() {
        FinetuneJob good = Scenario.job("job", new Random(1), 3, 1);
        assertThat(refusal(good, List.of())).isEqualTo(Rejection.Reason.NOTHING_TO_LEARN);
        TrainingPack.Sequence ignored =
                new TrainingPack.Sequence(new int[] {1, 2}, new int[] {TrainingPack.IGNORED, TrainingPack.IGNORED});
        assertThat(refusal(good, List.of(Example.text("", ignored)))).isEqualTo(Rejection.Reason.NOTHING_TO_LEARN);
        TrainingPack.Sequence tooLong = new TrainingPack.Sequence(new int[CONTEXT + 1], new int[CONTEXT + 1]);
        assertThat(refusal(good, List.of(Example.text("", tooLong)))).isEqualTo(Rejection.Reason.EXAMPLE_TOO_LONG);
        assertThat(refusal(good, Scenario.pairs(new Random(1), 1))).isEqualTo(Rejection.Reason.WRONG_EXAMPLE);
        LoraConfig large = new LoraConfig(9, 4, false, Set.of(), "");
        FinetuneJob wide = new FinetuneJob(
                "x",
                "",
                new LoraMethod(large),
                List.of(),
                good.training(),
                List.of(),
                good.settings(),
                1,
                Optional.empty());
        assertThat(refusal(wide)).isEqualTo(Rejection.Reason.ADAPTER_TOO_LARGE);
        FinetuneJob tall = under(good, Scenario.version(1), Scenario.version(2), Scenario.version(3));
        assertThat(refusal(tall)).isEqualTo(Rejection.Reason.TOO_MANY_ADAPTERS);
    }

    private static Rejection.Reason refusal(FinetuneJob job, List<Example> examples) {
        return refusal(new FinetuneJob(
                "x", "", job.method(), List.of(), examples, List.of(), job.settings(), 1, Optional.empty()));
    }

    private static Rejection.Reason refusal(FinetuneJob job) {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        return scenario.engine.submit(job, new RecordingJobSink()).orElseThrow().reason();
    }

    /** The device fails in every eighth iteration or so. */
    @Property(tries = 25)
    void aJobThatTheDeviceFailsNowAndThenEndsAsIfNothingHadHappened(@ForAll long seed) {
        FinetuneJob job = Scenario.job("job", new Random(seed), 30, 2);
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(job, sink);
        Random random = new Random(seed);
        int quiet = 0;
        while (!sink.ended()) {
            // Not so often that one step fails over and over.
            if (quiet++ > 40 && random.nextInt(8) == 0) {
                scenario.device.failNext(1);
                quiet = 0;
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        JobStory story = new JobStory();
        story.add(sink);
        assertThat(story).isEqualTo(story(job, seed, false));
        assertThat(scenario.device.trainees()).isZero();
    }

    @Test
    void aStepThatAlwaysFailsEndsTheJobWithItsReason() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 20, 1), sink);
        scenario.device.failNext(3);
        scenario.engine.iterate();
        scenario.engine.iterate();
        scenario.engine.iterate();
        assertThat(sink.ended()).isFalse();
        scenario.device.failNext(1);
        scenario.runDry();
        assertThat(((JobOutcome.Failed) sink.end()).message()).contains("out of luck");
    }
}
