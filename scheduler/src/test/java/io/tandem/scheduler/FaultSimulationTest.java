package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Predicate;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** A device that fails anywhere: the engine outlives it, ends everything exactly once, and leaks nothing. */
class FaultSimulationTest {
    private static final int CONTEXT = 96;
    /** Work that calls a method at all is soon found: joining a pack, the rarest, is in one of a few. */
    private static final int ENOUGH_SEEDS = 100;

    private final List<AdapterVersion> adapters =
            List.of(Scenario.version(1), Scenario.version(2), Scenario.version(3), Scenario.version(4));

    @Property(tries = 100)
    void theEngineOutlivesEveryFailureOfTheDevice(@ForAll long seed) {
        Random random = new Random(seed);
        // One in so many calls, of one method or of all.
        int odds = 2 + random.nextInt(30);
        String only = METHODS.get(random.nextInt(METHODS.size()));
        boolean all = random.nextBoolean();
        outlives(method -> (all || method.equals(only)) && random.nextInt(odds) == 0, random);
    }

    @ParameterizedTest
    @FieldSource("METHODS")
    void theEngineOutlivesEachMethodThatFails(String only) {
        long seed = 0;
        while (outlives(only::equals, new Random(seed)).isEmpty()) {
            seed++;
            assertThat(seed).as("random work that calls %s", only).isLessThan(ENOUGH_SEEDS);
        }
    }

    /**
     * Random work on a device that fails as it is told.
     *
     * @return how often each method failed
     */
    private Map<String, Integer> outlives(Predicate<String> fails, Random random) {
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(4), CONTEXT, 1 + random.nextInt(3));
        Scenario scenario = new Scenario(limits, Scenario.CONFIG);
        scenario.device.slowSteps(random.nextInt(5), 3);
        scenario.device.failIf(fails);
        List<FinetuneJob> jobs = new ArrayList<>();
        List<RecordingJobSink> jobSinks = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            jobs.add(job("job" + i, random));
            jobSinks.add(new RecordingJobSink());
            assertThat(scenario.engine.submit(jobs.get(i), jobSinks.get(i))).isEmpty();
        }
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 30; id++) {
            requests.add(Scenario.request(random, id, CONTEXT, limits.adapterSlots(), adapters));
            sinks.add(new RecordingSink());
            assertThat(scenario.engine.submit(requests.get(id), sinks.get(id))).isEmpty();
            if (random.nextInt(5) == 0) {
                AdapterVersion pin = adapters.get(random.nextInt(adapters.size()));
                if (random.nextBoolean()) {
                    scenario.engine.pin(pin);
                } else {
                    scenario.engine.unpin(pin);
                }
            }
            if (random.nextInt(20) == 0) {
                scenario.engine.pauseJob("job0");
            }
            for (int i = random.nextInt(6); i > 0; i--) {
                scenario.engine.iterate();
                scenario.engine.checkIntegrity();
            }
        }
        scenario.runDry();
        Map<String, Integer> failed = Map.copyOf(scenario.device.failed());
        assertThat(METHODS).containsAll(failed.keySet());
        assertThat(scenario.engine.openRequests()).isZero();
        assertThat(scenario.engine.openJobs()).isZero();
        assertThat(scenario.device.trainees()).isZero();
        for (int i = 0; i < jobs.size(); i++) {
            if (jobSinks.get(i).end() instanceof JobOutcome.Succeeded) {
                assertThat(JobStory.of(jobSinks.get(i))).isEqualTo(alone(jobs.get(i)));
            }
        }
        for (int id = 0; id < requests.size(); id++) {
            RecordingSink alone = Scenario.alone(requests.get(id), limits, Scenario.CONFIG);
            List<Integer> got = sinks.get(id).tokens();
            assertThat(got).isEqualTo(alone.tokens().subList(0, got.size()));
            if (sinks.get(id).end().reason() != FinishReason.FAILED) {
                assertThat(got).isEqualTo(alone.tokens());
            }
        }
        scenario.device.failIf(method -> false);
        RecordingSink after = new RecordingSink();
        scenario.engine.submit(Scenario.request(99, new int[] {1, 2}, 5, adapters.get(0)), after);
        scenario.runDry();
        assertThat(after.end().reason()).isEqualTo(FinishReason.LENGTH);
        return failed;
    }

    @Test
    void aLossThatIsNotANumberEndsItsJobAlone() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        Random random = new Random(1);
        FinetuneJob good = Scenario.job("good", random, 20, 2);
        FinetuneJob bad = Scenario.job("bad", random, 20, 2);
        RecordingJobSink goodSink = new RecordingJobSink();
        RecordingJobSink badSink = new RecordingJobSink();
        RecordingSink request = new RecordingSink();
        scenario.engine.submit(good, goodSink);
        scenario.engine.submit(bad, badSink);
        while (badSink.steps().isEmpty()) {
            scenario.engine.iterate();
        }
        assertThat(goodSink.ended()).as("they train side by side").isFalse();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), request);
        scenario.device.spoilLatest();
        scenario.runDry();
        assertThat(badSink.end())
                .isInstanceOfSatisfying(
                        JobOutcome.Failed.class,
                        failed -> assertThat(failed.message())
                                .contains("the loss is not a finite number in step "
                                        + (badSink.steps().size() + 1))
                                .contains("try a lower learning rate"));
        assertThat(JobStory.of(goodSink)).isEqualTo(alone(good));
        assertThat(request.end().reason()).isEqualTo(FinishReason.LENGTH);
        assertThat(scenario.device.trainees()).isZero();
    }

    private static final List<String> METHODS = List.of(
            "putAdapter",
            "openTrainee",
            "beginPack",
            "joinPack",
            "copyCache",
            "learn",
            "scaleSequences",
            "run",
            "beginStep",
            "proceed",
            "endStep",
            "snapshot",
            "optimizerState");

    private static FinetuneJob job(String id, Random random) {
        boolean preferences = random.nextBoolean();
        FinetuneJob job = Scenario.job(
                id,
                preferences ? Scenario.pairs(random, 15) : Scenario.texts(random, 15),
                preferences ? Scenario.pairs(random, 5) : Scenario.texts(random, 5),
                preferences ? new Objective.Preference(0.1) : new Objective.Supervised(),
                2,
                new Cadence(1, true, 1, 0, true));
        return new FinetuneJob(
                id,
                job.caller(),
                job.method(),
                List.of(Scenario.version(8)),
                job.training(),
                job.validation(),
                job.settings(),
                1,
                job.resumeFrom());
    }

    private static JobStory alone(FinetuneJob job) {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(job, sink);
        scenario.runDry();
        return JobStory.of(sink);
    }
}
