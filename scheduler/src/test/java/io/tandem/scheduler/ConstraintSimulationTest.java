package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeConstraint;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Answers whose next tokens are limited by what is computed elsewhere, between answers that are not. */
class ConstraintSimulationTest {
    private static final int CONTEXT = 96;
    private final List<AdapterVersion> adapters = List.of(Scenario.version(1));

    private static InferenceRequest constrained(InferenceRequest request, TokenConstraint constraint) {
        return new InferenceRequest(
                request.id(),
                request.caller(),
                request.prompt(),
                request.maxTokens(),
                request.adapters(),
                request.sampling(),
                StopRule.NONE,
                new Options(-1, 0, Optional.of(constraint)));
    }

    /** Small caches preempt; constraints compute whenever chance wants it. */
    @Property(tries = 15)
    void waitingForAConstraintChangesNobodysAnswer(@ForAll long seed) {
        Random random = new Random(seed);
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(6), CONTEXT, 2);
        SchedulerConfig config = Scenario.config(20, 1 + random.nextInt(64), 96 + random.nextInt(200), 1000, 10, 128);
        Scenario scenario = new Scenario(limits, config);
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        Map<Integer, Integer> lengths = new HashMap<>();
        List<FakeConstraint> constraints = new ArrayList<>();
        for (int id = 0; id < 15; id++) {
            InferenceRequest request = Scenario.request(random, id, 96, limits.adapterSlots(), adapters);
            RecordingSink sink = new RecordingSink();
            if (random.nextBoolean()) {
                lengths.put(id, 1 + random.nextInt(40));
                FakeConstraint constraint = new FakeConstraint(lengths.get(id), random.nextInt(3) == 0);
                constraints.add(constraint);
                scenario.engine.submit(constrained(request, constraint), sink);
            } else {
                scenario.engine.submit(request, sink);
            }
            requests.add(request);
            sinks.add(sink);
        }
        while (sinks.stream().anyMatch(sink -> !sink.ended())) {
            boolean worked = scenario.engine.iterate();
            scenario.engine.checkIntegrity();
            List<FakeConstraint> pending =
                    constraints.stream().filter(FakeConstraint::pending).toList();
            boolean over = sinks.stream().allMatch(RecordingSink::ended);
            assertThat(worked || over || !pending.isEmpty()).isTrue();
            pending.stream().filter(any -> random.nextInt(4) == 0).forEach(FakeConstraint::compute);
        }
        for (int id = 0; id < requests.size(); id++) {
            InferenceRequest request = requests.get(id);
            InferenceRequest alone =
                    lengths.containsKey(id) ? constrained(request, new FakeConstraint(lengths.get(id), true)) : request;
            RecordingSink expected = Scenario.alone(alone, limits, config);
            assertThat(sinks.get(id).tokens()).isEqualTo(expected.tokens());
            assertThat(sinks.get(id).end().reason()).isEqualTo(expected.end().reason());
        }
    }

    private static InferenceRequest request(int maxTokens, TokenConstraint constraint) {
        return new InferenceRequest(
                1,
                "",
                new int[] {1, 2},
                maxTokens,
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE,
                new Options(-1, 0, Optional.of(constraint)));
    }

    @Test
    void aCompleteAnswerStopsEvenAtItsLimit() {
        for (int length : new int[] {3, 4, 5, 6}) {
            Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
            FakeConstraint constraint = new FakeConstraint(length, false);
            RecordingSink sink = new RecordingSink();
            scenario.engine.submit(request(5, constraint), sink);
            for (int i = 0; i < 20; i++) {
                scenario.engine.iterate();
                constraint.compute();
            }
            assertThat(sink.end().reason()).isEqualTo(length <= 5 ? FinishReason.STOP : FinishReason.LENGTH);
            assertThat(sink.tokens()).hasSize(Math.min(length, 5));
        }
    }

    @Test
    void othersDecodeWhileOneWaits() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        RecordingSink waiting = new RecordingSink();
        RecordingSink other = new RecordingSink();
        scenario.engine.submit(request(50, new FakeConstraint(50, false)), waiting);
        scenario.engine.submit(Scenario.request(2, new int[] {3, 4}, 20), other);
        for (int i = 0; i < 25; i++) {
            scenario.engine.iterate();
        }
        assertThat(other.tokens()).hasSize(20);
        assertThat(waiting.tokens()).hasSize(1);
        assertThat(scenario.reports.stream()
                        .mapToInt(IterationReport::decodeTokens)
                        .sum())
                .isEqualTo(19);
        scenario.engine.cancel(1);
        scenario.engine.iterate();
        assertThat(waiting.end().reason()).isEqualTo(FinishReason.CANCELLED);
    }

    @ParameterizedTest
    @CsvSource({"true,BROKEN_CONSTRAINT", "false,FAILED"})
    void aConstraintThatFailsEndsItsOwnAnswer(boolean ofRequest, FinishReason reason) {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        TokenConstraint failing = new TokenConstraint() {
            @Override
            public Next next() {
                return new Next.Failed(ofRequest, "no token fits");
            }

            @Override
            public void accept(int token) {}

            @Override
            public void onComputed(Runnable listener) {}
        };
        RecordingSink sink = new RecordingSink();
        RecordingSink other = new RecordingSink();
        scenario.engine.submit(request(5, failing), sink);
        scenario.engine.submit(Scenario.request(2, new int[] {3, 4}, 20), other);
        scenario.runDry();
        assertThat(sink.end().reason()).isEqualTo(reason);
        assertThat(sink.end().message()).isEqualTo("no token fits");
        assertThat(other.end().reason()).isEqualTo(FinishReason.LENGTH);
    }

    /** The engine sleeps when all that it has waits for constraints. */
    @Test
    @Timeout(30)
    void theEngineWakesWhenAConstraintIsComputed() throws Exception {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        FakeConstraint constraint = new FakeConstraint(10, false);
        RecordingSink sink = new RecordingSink();
        Thread engine = new Thread(scenario.engine, "engine");
        scenario.engine.submit(request(50, constraint), sink);
        engine.start();
        while (!sink.ended()) {
            constraint.compute();
            Thread.onSpinWait();
        }
        scenario.engine.shutDown();
        engine.join();
        assertThat(sink.end().reason()).isEqualTo(FinishReason.STOP);
        assertThat(sink.tokens()).hasSize(10);
    }
}
