package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.ForwardingTokenSink;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Steps that take as long as ten tokens of an answer. That nothing happens to a trainee meanwhile {@link FakeDevice} checks;
 * {@link ResumeSimulationTest} and {@link FaultSimulationTest} have such steps too.
 */
class StepPiecesSimulationTest {
    private static final int CONTEXT = 96;
    private static final int PIECES = 100;
    private static final double PIECE_MILLIS = 2;
    private static final double TPOT_MILLIS = 20;
    private static final double NANOS_PER_MILLI = 1e6;

    private final Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
    private final FinetuneJob job = job("job", 1);
    private final RecordingJobSink sink = new RecordingJobSink();

    private static FinetuneJob job(String id, long seed) {
        Random random = new Random(seed);
        return Scenario.job(
                id,
                Scenario.texts(random, 40),
                Scenario.texts(random, 3),
                new Objective.Supervised(),
                2,
                new Cadence(1, true, 1, 0, true));
    }

    /** What the job does with steps that take no time. */
    private static JobStory alone(FinetuneJob job) {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        scenario.engine.submit(job, sink);
        scenario.runDry();
        return JobStory.of(sink);
    }

    private void submitSlow() {
        scenario.device.slowSteps(PIECES, PIECE_MILLIS);
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
    }

    private void iterate() {
        assertThat(scenario.engine.iterate()).isTrue();
        scenario.engine.checkIntegrity();
    }

    /** Into the middle of the step after so many. */
    private void iterateIntoStep(int steps) {
        while (sink.steps().size() < steps || !scenario.device.preparing()) {
            iterate();
        }
        iterate();
        assertThat(scenario.device.preparing()).isTrue();
        assertThat(sink.steps()).hasSize(steps);
    }

    /** Tells how long after the one before each token comes. */
    private ForwardingTokenSink gaps(RecordingSink to, Consumer<Double> millis) {
        return new ForwardingTokenSink(to) {
            private long last;

            @Override
            public void token(Draw draw) {
                long now = scenario.device.nanoTime();
                if (!to.tokens().isEmpty()) {
                    millis.accept((now - last) / NANOS_PER_MILLI);
                }
                last = now;
                super.token(draw);
            }
        };
    }

    @Test
    void answersGetTheirTokensBetweenThePieces() {
        submitSlow();
        iterateIntoStep(0);
        double[] longest = new double[1];
        int[] within = new int[1];
        long id = 0;
        while (!sink.ended()) {
            if (scenario.engine.openRequests() < 3) {
                RecordingSink answer = new RecordingSink();
                scenario.engine.submit(Scenario.request(id++, new int[] {1, 2, (int) id}, 60), gaps(answer, millis -> {
                    longest[0] = Math.max(longest[0], millis);
                    within[0] += scenario.device.preparing() ? 1 : 0;
                }));
            }
            iterate();
        }
        assertThat(within[0]).as("tokens within steps").isGreaterThan(100);
        // An iteration that uses all that was saved, a piece of a quarter of the target, and its last bit.
        assertThat(longest[0]).isLessThan(2 * TPOT_MILLIS + TPOT_MILLIS / 4 + PIECE_MILLIS);
        assertThat(scenario.ends).allMatch(end -> end.tpotNanos() < TPOT_MILLIS * NANOS_PER_MILLI);
        assertThat(JobStory.of(sink)).isEqualTo(alone(job));
    }

    @Test
    void withNothingElseToDoThePiecesFollowEachOtherButLetOthersIn() {
        submitSlow();
        double idle = 0;
        while (!sink.ended()) {
            long before = scenario.device.nanoTime();
            int iterations = scenario.reports.size();
            iterate();
            double millis = (scenario.device.nanoTime() - before) / NANOS_PER_MILLI;
            if (scenario.reports.size() == iterations) {
                assertThat(millis).isLessThan(TPOT_MILLIS / 4 + 2 * PIECE_MILLIS);
                idle += millis;
            }
        }
        // The first piece of a step follows its last window.
        assertThat(idle).isGreaterThan(0.9 * PIECES * PIECE_MILLIS * job.totalSteps());
        assertThat(scenario.engine.iterate()).isFalse();
        assertThat(JobStory.of(sink)).isEqualTo(alone(job));
    }

    /** As much as windows get. */
    @Test
    void underFullLoadAStepGetsItsShareOfTheTime() {
        assertThat(shareUnderFullLoad(0)).isBetween(0.02, 0.06);
    }

    /** Windows that only the floor pays for are no sign of room. */
    @Test
    void besideAnotherJobItGetsNoMore() {
        assertThat(shareUnderFullLoad(1)).isBetween(0.01, 0.06);
    }

    /** What part of the time the opening and the first step of the job take. */
    private double shareUnderFullLoad(int others) {
        FakeDevice slow = new FakeDevice(
                Scenario.CONFIG.deviceLimits(FakeDevice.limits(4, CONTEXT, 3)), inputs -> 2 * TPOT_MILLIS);
        Scenario loaded = new Scenario(slow, Scenario.CONFIG);
        for (int i = 0; i < others; i++) {
            loaded.engine.submit(job("other " + i, 2 + i), new RecordingJobSink());
        }
        slow.slowSteps(PIECES, PIECE_MILLIS);
        loaded.engine.submit(job, sink);
        long id = 0;
        long began = 0;
        long ended = 0;
        while (sink.steps().isEmpty()) {
            if (loaded.engine.openRequests() < 6) {
                loaded.engine.submit(Scenario.request(id++, new int[] {1, 2, 3}, 50), new RecordingSink());
            }
            loaded.engine.iterate();
            ended = slow.nanoTime();
            began = began == 0 || !sink.started() ? ended : began;
        }
        return 2 * PIECES * PIECE_MILLIS * NANOS_PER_MILLI / (ended - began);
    }

    @Test
    void aPauseWithinAStepWaitsForItsEnd() {
        submitSlow();
        iterateIntoStep(2);
        scenario.engine.pauseJob("job");
        while (!sink.ended()) {
            iterate();
        }
        assertThat(sink.steps()).hasSize(3);
        goesOn(3);
    }

    @Test
    void aShutDownWithinAStepFinishesIt() {
        submitSlow();
        iterateIntoStep(2);
        scenario.engine.shutDown();
        scenario.engine.run();
        assertThat(sink.steps()).hasSize(3);
        goesOn(3);
    }

    /** A pause before the first step has nothing to wait for. */
    @Test
    void aPauseWhileTheTraineeIsOpenedEndsAtOnce() {
        submitSlow();
        iterate();
        assertThat(scenario.device.preparing()).isTrue();
        scenario.engine.pauseJob("job");
        scenario.engine.iterate();
        goesOn(0);
    }

    private void goesOn(int step) {
        assertThat(scenario.device.trainees()).isZero();
        JobCheckpoint from = ((JobOutcome.Suspended) sink.end()).checkpoint().orElseThrow();
        assertThat(from.step()).isEqualTo(step);
        JobStory story = JobStory.of(sink);
        Scenario next = new Scenario(FakeDevice.limits(4, CONTEXT, 3), Scenario.CONFIG);
        next.device.slowSteps(PIECES, PIECE_MILLIS);
        RecordingJobSink rest = new RecordingJobSink();
        next.engine.submit(job.from(Optional.of(from)), rest);
        next.runDry();
        story.add(rest);
        assertThat(story).isEqualTo(alone(job));
    }

    @Test
    void aJobIsCancelledWithinAStep() {
        submitSlow();
        iterateIntoStep(2);
        RecordingSink answer = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), answer);
        scenario.engine.cancelJob("job");
        scenario.runDry();
        assertThat(sink.end()).isInstanceOf(JobOutcome.Cancelled.class);
        assertThat(sink.steps()).hasSize(2);
        assertThat(scenario.device.trainees()).isZero();
        assertThat(answer.end().reason()).isEqualTo(FinishReason.LENGTH);
    }

    /** There is nothing to go on from. */
    @ParameterizedTest
    @ValueSource(strings = {"proceed", "endStep"})
    void aDeviceThatFailsWithinAStepEndsItsJobAlone(String method) {
        submitSlow();
        iterateIntoStep(2);
        RecordingSink answer = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), answer);
        scenario.device.failIf(method::equals);
        scenario.runDry();
        assertThat(sink.end())
                .isInstanceOfSatisfying(
                        JobOutcome.Failed.class,
                        failed -> assertThat(failed.message()).contains("out of luck in " + method));
        assertThat(scenario.device.trainees()).isZero();
        assertThat(answer.end().reason()).isEqualTo(FinishReason.LENGTH);
        assertThat(scenario.engine.healthy()).isTrue();
    }

    /** Its step is not made again. */
    @Test
    void aPauseHoldsThoughAnIterationFails() {
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        while (sink.steps().size() < 2) {
            iterate();
        }
        iterate();
        scenario.engine.pauseJob("job");
        scenario.engine.checkIntegrity();
        assertThat(sink.ended()).as("in the midst of a step").isFalse();
        scenario.device.failNext(1);
        scenario.engine.iterate();
        assertThat(sink.steps()).hasSize(2);
        goesOn(2);
    }

    /** An iteration of others fails; the step has nothing to do with it. */
    @Test
    void aStepGoesOnAfterAnIterationThatFails() {
        submitSlow();
        iterateIntoStep(2);
        RecordingSink answer = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), answer);
        scenario.device.failNext(1);
        scenario.runDry();
        assertThat(answer.end().reason()).isEqualTo(FinishReason.FAILED);
        assertThat(JobStory.of(sink)).isEqualTo(alone(job));
    }

    @Test
    void otherJobsTrainMeanwhile() {
        submitSlow();
        iterateIntoStep(0);
        scenario.device.slowSteps(1, 1);
        FinetuneJob quick = job("quick", 2);
        RecordingJobSink quickSink = new RecordingJobSink();
        scenario.engine.submit(quick, quickSink);
        while (sink.steps().isEmpty()) {
            iterate();
        }
        assertThat(quickSink.steps().size()).isGreaterThan(1);
        scenario.runDry();
        assertThat(JobStory.of(sink)).isEqualTo(alone(job));
        assertThat(JobStory.of(quickSink)).isEqualTo(alone(quick));
    }

    /** As quick a step as there was before steps had pieces: no iteration comes in between. */
    @Test
    void aQuickStepIsMadeWithItsLastWindow() {
        scenario.engine.submit(job, sink);
        while (!sink.ended()) {
            iterate();
            assertThat(scenario.device.preparing()).isFalse();
        }
        assertThat(List.copyOf(scenario.reports)).allMatch(report -> report.finetunes());
        assertThat(JobStory.of(sink)).isEqualTo(alone(job));
    }
}
