package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Random traffic in virtual time; a failure is a seed. */
class InferenceSimulationTest {
    private static final int CONTEXT = 96;
    private final List<AdapterVersion> adapters =
            List.of(Scenario.version(1), Scenario.version(2), Scenario.version(3));

    /** Tiny budgets force preemption and waiting; arrivals, cancels and a job come in between. */
    @Property(tries = 60)
    void everyRequestEndsOnceWithTheTextThatItGetsAlone(@ForAll long seed) {
        Random random = new Random(seed);
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(6), CONTEXT, 1 + random.nextInt(3));
        int budget = 96 + 16 * random.nextInt(12);
        SchedulerConfig config = Scenario.config(20, 1 + random.nextInt(64), budget, 1000, 10, 128);
        Scenario scenario = new Scenario(limits, config);
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        List<Boolean> cancelled = new ArrayList<>();
        RecordingJobSink job = new RecordingJobSink();
        scenario.engine.submit(Scenario.job("job", random, 10, 1), job);
        int context = Math.min(CONTEXT, budget);
        for (int id = 0; id < 25; id++) {
            InferenceRequest request = Scenario.withOptions(
                    random, Scenario.request(random, id, context, limits.adapterSlots(), adapters));
            RecordingSink sink = new RecordingSink();
            assertThat(scenario.engine.submit(request, sink)).isEmpty();
            requests.add(request);
            sinks.add(sink);
            boolean cancel = random.nextInt(5) == 0;
            cancelled.add(cancel);
            for (int i = random.nextInt(6); i > 0; i--) {
                scenario.engine.iterate();
                scenario.engine.checkIntegrity();
            }
            if (cancel) {
                scenario.engine.cancel(id);
            }
        }
        scenario.runDry();
        assertThat(job.ended()).isTrue();
        assertThat(scenario.engine.openRequests()).isZero();
        for (int i = 0; i < requests.size(); i++) {
            RecordingSink alone = Scenario.alone(requests.get(i), limits, config);
            FinishReason reason = sinks.get(i).end().reason();
            if (cancelled.get(i) && reason == FinishReason.CANCELLED) {
                int got = sinks.get(i).tokens().size();
                assertThat(alone.tokens().subList(0, got))
                        .isEqualTo(sinks.get(i).tokens());
            } else {
                assertThat(sinks.get(i).tokens()).isEqualTo(alone.tokens());
                assertThat(sinks.get(i).promptTokens()).isEqualTo(scored(requests.get(i)));
                assertThat(reason).isEqualTo(alone.end().reason());
            }
        }
    }

    private static List<Integer> scored(InferenceRequest request) {
        return request.options().promptLogprobs() < 0
                ? List.of()
                : Arrays.stream(request.prompt()).skip(1).boxed().toList();
    }

    @Test
    void aFullCachePreemptsTheYoungestWhichLosesNothing() {
        KernelsConfig limits = FakeDevice.limits(4, CONTEXT, 1);
        SchedulerConfig config = Scenario.config(20, 64, 96, 1000, 10, 128);
        Scenario scenario = new Scenario(limits, config);
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 4; id++) {
            RecordingSink sink = new RecordingSink();
            scenario.engine.submit(Scenario.request(id, new int[] {id, 5, 6}, 60), sink);
            sinks.add(sink);
        }
        scenario.runDry();
        assertThat(scenario.reports.stream()
                        .mapToInt(IterationReport::preemptions)
                        .sum())
                .isPositive();
        for (int id = 0; id < 4; id++) {
            RecordingSink alone = Scenario.alone(Scenario.request(id, new int[] {id, 5, 6}, 60), limits, config);
            assertThat(sinks.get(id).tokens()).isEqualTo(alone.tokens()).hasSize(60);
        }
    }

    @Test
    void aSharedBeginningIsReusedWithinAVersionOnly() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 2), Scenario.CONFIG);
        int[] prompt = new Random(1).ints(50, 0, 1000).toArray();
        assertThat(cachedTokens(scenario, 1, prompt, adapters.get(0))).isZero();
        assertThat(cachedTokens(scenario, 2, prompt, adapters.get(1))).isZero();
        assertThat(cachedTokens(scenario, 3, prompt)).isZero();
        assertThat(cachedTokens(scenario, 4, prompt, adapters.get(0))).isEqualTo(49);
        assertThat(cachedTokens(scenario, 5, prompt)).isEqualTo(49);
    }

    private static int cachedTokens(Scenario scenario, long id, int[] prompt, AdapterVersion... adapters) {
        RecordingSink sink = new RecordingSink();
        scenario.engine.submit(Scenario.request(id, prompt, 3, adapters), sink);
        scenario.runDry();
        return sink.end().cachedTokens();
    }

    @Test
    void aCancelledRequestIsGoneOneIterationLater() {
        Scenario scenario = new Scenario(FakeDevice.limits(1, CONTEXT, 1), Scenario.CONFIG);
        for (int id = 0; id < 1000; id++) {
            RecordingSink sink = new RecordingSink();
            scenario.engine.submit(Scenario.request(id, new int[] {1, 2, 3}, 50), sink);
            scenario.engine.iterate();
            assertThat(sink.tokens()).hasSize(1);
            assertThat(scenario.idle).isFalse();
            scenario.engine.cancel(id);
            scenario.engine.iterate();
            assertThat(sink.end().reason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(scenario.idle).isTrue();
        }
        assertThat(scenario.engine.openRequests()).isZero();
        scenario.engine.checkIntegrity();
    }

    @Test
    void whatCanNeverBeServedIsRefusedWithTheNumbers() {
        SchedulerConfig config = Scenario.config(20, 64, 0, 1, 1, 128);
        Scenario scenario = new Scenario(FakeDevice.limits(1, CONTEXT, 1), config);
        assertThat(refusal(scenario, new int[0])).isEqualTo(Rejection.Reason.PROMPT_EMPTY);
        assertThat(refusal(scenario, new int[CONTEXT])).isEqualTo(Rejection.Reason.PROMPT_TOO_LONG);
        scenario.engine.submit(Scenario.request(1, new int[] {1}, 5), new RecordingSink());
        scenario.engine.submit(Scenario.request(2, new int[] {1}, 5), new RecordingSink());
        assertThat(refusal(scenario, new int[] {1})).isEqualTo(Rejection.Reason.QUEUE_FULL);
        scenario.engine.shutDown();
        assertThat(refusal(scenario, new int[] {1})).isEqualTo(Rejection.Reason.SHUTTING_DOWN);
    }

    private static Rejection.Reason refusal(Scenario scenario, int[] prompt) {
        return scenario.engine
                .submit(Scenario.request(9, prompt, 5), new RecordingSink())
                .orElseThrow()
                .reason();
    }

    @Test
    void aFailedIterationEndsItsRequestsAndNobodyElse() {
        Scenario scenario = new Scenario(FakeDevice.limits(1, CONTEXT, 1), Scenario.CONFIG);
        RecordingSink first = new RecordingSink();
        RecordingSink second = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1}, 5), first);
        scenario.engine.submit(Scenario.request(2, new int[] {1}, 5), second);
        scenario.device.failNext(1);
        scenario.runDry();
        assertThat(first.end().reason()).isEqualTo(FinishReason.FAILED);
        assertThat(first.end().message()).contains("out of luck");
        assertThat(second.end().reason()).isEqualTo(FinishReason.LENGTH);
        assertThat(scenario.engine.healthy()).isTrue();
    }

    @Test
    void failuresInARowTurnHealthRed() {
        Scenario scenario = new Scenario(FakeDevice.limits(1, CONTEXT, 1), Scenario.CONFIG);
        scenario.device.failNext(3);
        for (int id = 0; id < 3; id++) {
            scenario.engine.submit(Scenario.request(id, new int[] {1}, 5), new RecordingSink());
        }
        scenario.runDry();
        assertThat(scenario.engine.healthy()).isFalse();
    }
}
