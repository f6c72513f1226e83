package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.learning.IstPolicy;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.LightPeftPolicy;
import io.tandem.kernels.adapter.learning.PdpPolicy;
import io.tandem.kernels.adapter.learning.SptPolicy;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Jobs that are paused, shut down and killed do what they would have done alone. */
class ResumeSimulationTest {
    private static final int CONTEXT = 96;
    private static final KernelsConfig LIMITS = FakeDevice.limits(4, CONTEXT, 2);

    private static FinetuneJob job(String id, Random random) {
        boolean preferences = random.nextBoolean();
        int count = 12 + random.nextInt(40);
        int validation = random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(20);
        Objective objective = preferences ? new Objective.Preference(0.1) : new Objective.Supervised();
        Cadence cadence = new Cadence(
                        random.nextInt(4),
                        random.nextBoolean(),
                        random.nextInt(4),
                        random.nextInt(6),
                        random.nextBoolean())
                .examining(preferences ? 0 : random.nextInt(4));
        int controls = random.nextInt(3);
        FinetuneJob job = Scenario.job(
                id,
                examples(random, preferences, count, controls),
                examples(random, preferences, validation, controls),
                objective,
                1 + random.nextInt(3),
                cadence,
                policy(random));
        List<AdapterVersion> under = List.of(Scenario.version(5), Scenario.version(6));
        return new FinetuneJob(
                id,
                job.caller(),
                job.method(),
                under.subList(0, random.nextInt(controls == 0 ? 3 : 2)),
                job.training(),
                job.validation(),
                job.settings(),
                0.5 + random.nextDouble(),
                Optional.empty());
    }

    private static LearningPolicy policy(Random random) {
        return List.of(
                        LearningPolicy.EVERYTHING,
                        new IstPolicy(0.1 + 0.9 * random.nextDouble(), 1 + random.nextInt(3)),
                        new PdpPolicy(0.5),
                        new LightPeftPolicy(0.5, 0.5, 0.1 + 0.8 * random.nextDouble()),
                        new SptPolicy(0.5))
                .get(random.nextInt(5));
    }

    private static List<Example> examples(Random random, boolean pairs, int count, int controls) {
        List<Example> examples = pairs ? Scenario.pairs(random, count) : Scenario.texts(random, count);
        return controls == 0 ? examples : Scenario.controlled(random, examples, controls);
    }

    private static JobStory alone(FinetuneJob job) {
        JobStory story = new JobStory();
        story.add(run(job));
        return story;
    }

    private static RecordingJobSink run(FinetuneJob job) {
        Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        scenario.runDry();
        assertThat(sink.end()).isInstanceOf(JobOutcome.Succeeded.class);
        return sink;
    }

    /** A job, what it did so far, and the last state that survives a crash. */
    private static final class Ledger {
        final FinetuneJob job;
        final JobStory story = new JobStory();
        RecordingJobSink sink = new RecordingJobSink();
        Optional<JobCheckpoint> saved = Optional.empty();
        boolean over;

        Ledger(FinetuneJob job) {
            this.job = job;
        }

        void submit(Scenario scenario) {
            sink = new RecordingJobSink();
            assertThat(scenario.engine.submit(job.from(saved), sink)).isEmpty();
        }

        /** Takes in a run that has ended, in whatever way. */
        void settle() {
            story.add(sink);
            for (JobCheckpoint checkpoint : sink.checkpoints()) {
                saved = Optional.of(checkpoint);
            }
            if (sink.ended() && sink.end() instanceof JobOutcome.Suspended suspended) {
                saved = suspended.checkpoint();
            }
            over = sink.ended() && sink.end() instanceof JobOutcome.Succeeded;
        }
    }

    @Property(tries = 60)
    void interruptionsChangeNothing(@ForAll long seed) {
        Random random = new Random(seed);
        List<Ledger> ledgers = new ArrayList<>();
        for (int i = 0; i < 1 + random.nextInt(4); i++) {
            ledgers.add(new Ledger(job("job" + i, random)));
        }
        int interruptions = 12;
        while (ledgers.stream().anyMatch(ledger -> !ledger.over)) {
            Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
            scenario.device.slowSteps(random.nextInt(8), 3);
            ledgers.stream().filter(ledger -> !ledger.over).forEach(ledger -> ledger.submit(scenario));
            live(scenario, ledgers, random, interruptions-- > 0 ? 1 + random.nextInt(150) : Integer.MAX_VALUE);
            if (random.nextBoolean()) {
                scenario.engine.shutDown();
                scenario.engine.run();
                scenario.engine.checkIntegrity();
                assertThat(scenario.device.trainees()).isZero();
            }
            ledgers.stream().filter(ledger -> !ledger.over).forEach(Ledger::settle);
        }
        ledgers.forEach(ledger -> assertThat(ledger.story).isEqualTo(alone(ledger.job)));
    }

    /** Traffic and pauses, until all is done or the process dies. */
    private static void live(Scenario scenario, List<Ledger> ledgers, Random random, int iterations) {
        long id = 0;
        for (int i = 0; i < iterations && ledgers.stream().anyMatch(ledger -> !ledger.over); i++) {
            if (random.nextInt(5) == 0) {
                scenario.engine.submit(
                        Scenario.request(random, id++, CONTEXT, 2, List.of(Scenario.version(1), Scenario.version(2))),
                        new RecordingSink());
            }
            Ledger ledger = ledgers.get(random.nextInt(ledgers.size()));
            if (random.nextInt(20) == 0) {
                scenario.engine.pauseJob(ledger.job.id());
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
            if (!ledger.over && ledger.sink.ended()) {
                ledger.settle();
                if (!ledger.over) {
                    ledger.submit(scenario);
                }
            }
        }
    }

    /** A trial of a search goes on from rung to rung. */
    @Property(tries = 20)
    void aJobThatEndsBeforeItsScheduleGoesOnFromThere(@ForAll long seed) {
        Random random = new Random(seed);
        LearningPolicy learning = policy(random);
        FinetuneJob whole = Scenario.job(
                "job", Scenario.texts(random, 40), List.of(), new Objective.Supervised(), 3, Cadence.ENDS, learning);
        int steps = 1 + random.nextInt(whole.totalSteps() - 1);
        FinetuneJob beginning = new FinetuneJob(
                "job",
                whole.caller(),
                whole.method(),
                whole.under(),
                whole.training(),
                whole.validation(),
                whole.settings().endingAfter(steps),
                whole.weight(),
                Optional.empty());
        RecordingJobSink first = run(beginning);
        assertThat(first.steps()).hasSize(steps);
        assertThat(((JobOutcome.Succeeded) first.end()).stoppedEarly()).isFalse();
        assertThat(first.checkpoints()).extracting(JobCheckpoint::step).containsExactly(steps);
        JobStory story = new JobStory();
        story.add(first);
        story.add(run(whole.from(Optional.of(first.checkpoints().get(0)))));
        assertThat(story).isEqualTo(alone(whole));
    }

    /** At equal distances, and the last time with what the job comes to. */
    @Test
    void examplesAreExaminedSoOften() {
        Cadence cadence = Cadence.ENDS.examining(4);
        FinetuneJob job = Scenario.job(
                "job", Scenario.texts(new Random(1), 24), List.of(), new Objective.Supervised(), 5, cadence);
        RecordingJobSink sink = run(job);
        assertThat(job.totalSteps()).isEqualTo(10);
        assertThat(sink.trajectories().losses()).hasSize(4).allMatch(losses -> losses.size() == 24);
        assertThat(sink.trajectories().losses()).doesNotHaveDuplicates();
        JobCheckpoint last = sink.checkpoints().get(0);
        assertThat(last.step()).isEqualTo(10);
        assertThat(last.trajectories()).isEqualTo(sink.trajectories());
    }

    @Test
    void aPausedJobHoldsNothingAndItsStepIsNotLost() {
        Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", new Random(1), 60, 3), sink);
        while (sink.steps().size() < 2) {
            scenario.engine.iterate();
        }
        scenario.engine.iterate();
        scenario.engine.pauseJob("job");
        scenario.runDry();
        assertThat(sink.steps()).hasSize(3);
        JobOutcome.Suspended end = (JobOutcome.Suspended) sink.end();
        assertThat(end.checkpoint().orElseThrow().step()).isEqualTo(3);
        assertThat(scenario.device.trainees()).isZero();
        assertThat(scenario.engine.openJobs()).isZero();
    }

    @Test
    void aJobThatWaitsIsPausedAtOnce() {
        Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
        List<RecordingJobSink> sinks = List.of(new RecordingJobSink(), new RecordingJobSink(), new RecordingJobSink());
        for (int i = 0; i < sinks.size(); i++) {
            scenario.engine.submit(Scenario.job("job" + i, new Random(1), 60, 3), sinks.get(i));
        }
        scenario.engine.pauseJob("job2");
        scenario.engine.iterate();
        assertThat(sinks.get(2).end()).isEqualTo(new JobOutcome.Suspended(Optional.empty()));
    }

    @Test
    void aCheckpointOfAnotherJobIsRefused() {
        Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("long", new Random(1), 60, 3), sink);
        while (sink.steps().size() < 14) {
            scenario.engine.iterate();
        }
        scenario.engine.pauseJob("long");
        scenario.runDry();
        JobOutcome.Suspended end = (JobOutcome.Suspended) sink.end();
        RecordingJobSink other = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("short", new Random(1), 20, 1).from(end.checkpoint()), other);
        scenario.runDry();
        assertThat(((JobOutcome.Failed) other.end()).message()).contains("not one of this job");
        assertThat(scenario.engine.openJobs()).isZero();
    }
}
