package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Packs;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs whose packs run in the same windows: each does what it does alone, and they share as they would in turns. */
class SideBySideSimulationTest {
    private static final int CONTEXT = 96;
    private static final int JOBS = 4;
    private static final PeftMethod FULL =
            new FullMethod(new LoraMethod(Scenario.LORA), EnumSet.of(FullModule.LM_HEAD));

    private static SchedulerConfig config(Packs packs, int fixedWindow, Mode mode) {
        return new SchedulerConfig(
                Scenario.CONFIG.targets(),
                new Finetuning(256, 0.05, fixedWindow, mode, 4),
                64,
                0,
                1000,
                10,
                JOBS,
                packs,
                Speculation.NONE);
    }

    private static Scenario scenario(Packs packs) {
        return new Scenario(FakeDevice.limits(4, CONTEXT, 3).withFullModules(2), config(packs, 0, Mode.CO_SERVING));
    }

    /** Of texts or pairs, measured or not, perhaps above other adapters, and perhaps with modules in full somewhere. */
    private static FinetuneJob job(String id, Random random) {
        boolean pairs = random.nextInt(3) == 0;
        int count = 1 + random.nextInt(6);
        List<Example> training = pairs ? Scenario.pairs(random, count) : Scenario.texts(random, count);
        List<Example> validation = pairs ? Scenario.pairs(random, 2) : Scenario.texts(random, random.nextInt(3));
        List<AdapterVersion> under = new ArrayList<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            under.add(Scenario.version(5L + 2 * i + random.nextInt(2)));
        }
        int full = random.nextInt(4);
        if (full == 0 && !under.isEmpty()) {
            under.set(0, FullModulesTest.full(1 + random.nextInt(2), FullModule.values()));
        }
        Objective objective = pairs ? new Objective.Preference(0.1) : new Objective.Supervised();
        FinetuneJob job =
                Scenario.job(id, training, validation, objective, 4, new Cadence(random.nextInt(3), true, 2, 0, true));
        return with(job, full == 1 ? FULL : job.method(), under, 0.5 + random.nextInt(3));
    }

    private static FinetuneJob with(FinetuneJob job, PeftMethod method, List<AdapterVersion> under, double weight) {
        return new FinetuneJob(
                job.id(),
                job.caller(),
                method,
                under,
                job.training(),
                job.validation(),
                job.settings(),
                weight,
                job.resumeFrom());
    }

    private static JobStory alone(FinetuneJob job) {
        Scenario scenario = scenario(Packs.TOGETHER);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        scenario.runDry();
        return story(sink);
    }

    private static JobStory story(RecordingJobSink... runs) {
        JobStory story = new JobStory();
        for (RecordingJobSink run : runs) {
            story.add(run);
        }
        return story;
    }

    /** One is cancelled, one paused and resumed, one only measures, and the device fails now and then. */
    @Property(tries = 60)
    void eachJobDoesWhatItDoesAlone(@ForAll long seed) {
        Random random = new Random(seed);
        Scenario scenario = scenario(Packs.TOGETHER);
        List<FinetuneJob> jobs = new ArrayList<>();
        List<RecordingJobSink> sinks = new ArrayList<>();
        for (int i = 0; i < JOBS; i++) {
            jobs.add(job("job" + i, random));
            sinks.add(new RecordingJobSink());
            assertThat(scenario.engine.submit(jobs.get(i), sinks.get(i))).isEmpty();
        }
        List<Example> texts = Scenario.texts(random, 4);
        FinetuneJob measuring = FinetuneJob.measuring("measuring", List.of(Scenario.version(1)), texts);
        RecordingJobSink measured = new RecordingJobSink();
        scenario.engine.submit(measuring, measured);
        int cancelled = random.nextInt(25);
        int paused = random.nextInt(25);
        int failing = random.nextInt(50);
        for (int i = 0; i < 60; i++) {
            if (i == cancelled) {
                scenario.engine.cancelJob("job0");
            }
            if (i == paused) {
                scenario.engine.pauseJob("job1");
            }
            if (i == failing) {
                scenario.device.failNext(1);
            }
            if (random.nextInt(4) == 0) {
                scenario.engine.submit(
                        Scenario.request(random, i, CONTEXT, 1, List.of(Scenario.version(1))), new RecordingSink());
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        scenario.runDry();
        RecordingJobSink resumed = new RecordingJobSink();
        if (sinks.get(1).end() instanceof JobOutcome.Suspended suspended) {
            scenario.engine.submit(jobs.get(1).from(suspended.checkpoint()), resumed);
            scenario.runDry();
        }
        assertThat(story(sinks.get(1), resumed)).isEqualTo(alone(jobs.get(1)));
        for (int i : new int[] {2, 3}) {
            assertThat(story(sinks.get(i))).as("job %d", i).isEqualTo(alone(jobs.get(i)));
        }
        assertThat(measured.measurements()).hasSize(1);
        assertThat(story(measured)).isEqualTo(alone(measuring));
        assertThat(scenario.device.trainees()).isZero();
    }

    private static FinetuneJob small(String id, int examples, int epochs) {
        return Scenario.job(id, new Random(id.hashCode()), examples, epochs);
    }

    private static int iterations(Packs packs) {
        Scenario scenario = scenario(packs);
        for (int i = 0; i < JOBS; i++) {
            scenario.engine.submit(small("job" + i, 3, 10), new RecordingJobSink());
        }
        scenario.runDry();
        int most = scenario.reports.stream()
                .mapToInt(IterationReport::forwardTokens)
                .max()
                .orElseThrow();
        // Three examples have 93 tokens at most.
        assertThat(most > 93).isEqualTo(packs == Packs.TOGETHER);
        return scenario.reports.size();
    }

    @Test
    void windowsHaveRowsOfSeveralJobs() {
        assertThat(2 * iterations(Packs.TOGETHER)).isLessThan(iterations(Packs.IN_TURN));
    }

    /** Also where a window, or the arena, ends between them. */
    @ParameterizedTest
    @CsvSource({"1, 1, 3", "1, 3, 2", "2, 1, 8"})
    void tokensFollowTheWeights(double first, double second, int examples) {
        Scenario scenario = scenario(Packs.TOGETHER);
        double[] weights = {first, second, 1};
        List<RecordingJobSink> sinks = new ArrayList<>();
        for (int i = 0; i < weights.length; i++) {
            sinks.add(new RecordingJobSink());
            FinetuneJob small = small("job" + i, i == 0 ? examples : 3, 400);
            FinetuneJob job = with(small, small.method(), List.of(), weights[i]);
            scenario.engine.submit(job, sinks.get(i));
        }
        for (int i = 0; i < 400; i++) {
            scenario.engine.iterate();
        }
        double[] shares = new double[weights.length];
        for (int i = 0; i < weights.length; i++) {
            assertThat(sinks.get(i).ended()).isFalse();
            List<StepReport> steps = sinks.get(i).steps();
            shares[i] = steps.get(steps.size() - 1).trainedTokens() / weights[i];
        }
        for (double share : shares) {
            // Two packs over the smallest weight: what is charged may not be finished.
            assertThat(share).isBetween(shares[0] - 2 * 256, shares[0] + 2 * 256);
            assertThat(share).isGreaterThan(2000);
        }
    }

    /** The device has a fault that only one of the jobs meets. */
    @Test
    void whoseStepFailsGoesAloneAndFailsAtNobodyElsesExpense() {
        Scenario scenario = scenario(Packs.TOGETHER);
        List<FinetuneJob> jobs = List.of(small("a", 3, 30), small("b", 3, 30), small("c", 3, 30));
        List<RecordingJobSink> sinks = new ArrayList<>();
        for (FinetuneJob job : jobs) {
            sinks.add(new RecordingJobSink());
            scenario.engine.submit(job, sinks.get(sinks.size() - 1));
        }
        while (sinks.get(2).steps().size() < 3) {
            scenario.engine.iterate();
        }
        scenario.device.breakAt(tokens(jobs.get(2))
                .filter(token ->
                        Stream.of(0, 1).noneMatch(i -> tokens(jobs.get(i)).anyMatch(other -> other == token)))
                .findFirst()
                .orElseThrow());
        scenario.runDry();
        assertThat(sinks.get(2).end())
                .isInstanceOfSatisfying(
                        JobOutcome.Failed.class,
                        failed -> assertThat(failed.message()).contains("the device failed: no luck"));
        for (int i : new int[] {0, 1}) {
            assertThat(story(sinks.get(i))).isEqualTo(alone(jobs.get(i)));
        }
    }

    private static IntStream tokens(FinetuneJob job) {
        return job.training().stream()
                .flatMap(example -> example.sequences().stream())
                .flatMapToInt(sequence -> Arrays.stream(sequence.tokens()));
    }

    @Test
    void packsWithModulesInFullGoAlone() {
        Scenario scenario = scenario(Packs.TOGETHER);
        scenario.device.failIf(method -> method.equals("joinPack"));
        FinetuneJob plain = small("b", 3, 5);
        AdapterVersion head = FullModulesTest.full(1, FullModule.LM_HEAD);
        List<FinetuneJob> jobs = List.of(
                with(small("a", 3, 5), FULL, List.of(), 1),
                plain,
                with(small("c", 3, 5), plain.method(), List.of(head), 1));
        List<RecordingJobSink> sinks = new ArrayList<>();
        for (FinetuneJob job : jobs) {
            sinks.add(new RecordingJobSink());
            scenario.engine.submit(job, sinks.get(sinks.size() - 1));
        }
        scenario.runDry();
        for (int i = 0; i < jobs.size(); i++) {
            assertThat(story(sinks.get(i))).isEqualTo(alone(jobs.get(i)));
        }
        assertThat(scenario.device.failed()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"IN_TURN, 0, CO_SERVING", "TOGETHER, 16, CO_SERVING", "TOGETHER, 0, TEMPORAL"})
    void packsGoInTurnsWhereThatIsWanted(Packs packs, int fixedWindow, Mode mode) {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), config(packs, fixedWindow, mode));
        scenario.device.failIf(method -> method.equals("joinPack"));
        List<RecordingJobSink> sinks = List.of(new RecordingJobSink(), new RecordingJobSink());
        scenario.engine.submit(small("a", 3, 5), sinks.get(0));
        scenario.engine.submit(small("b", 3, 5), sinks.get(1));
        scenario.runDry();
        assertThat(sinks).allMatch(sink -> sink.end() instanceof JobOutcome.Succeeded);
        assertThat(scenario.device.failed()).isEmpty();
        assertThat(story(sinks.get(0))).isEqualTo(alone(small("a", 3, 5)));
    }
}
