package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Speculation;
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
import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** On a device whose texts repeat themselves, with a surprise now and then that depends on all that is in the KV slot. */
class SpeculationSimulationTest {
    private static final KernelsConfig LIMITS = FakeDevice.limits(6, 300, 3);

    private static SchedulerConfig with(SchedulerConfig config, Speculation speculation) {
        return new SchedulerConfig(
                config.targets(),
                config.finetuning(),
                config.prefillChunkTokens(),
                config.kvCacheTokens(),
                config.maxQueuedRequests(),
                config.maxQueuedJobs(),
                config.concurrentJobs(),
                speculation);
    }

    private static Scenario scenario(SchedulerConfig config, int surprises) {
        FakeDevice device = new FakeDevice(config.deviceLimits(LIMITS), Scenario::millis);
        device.surpriseEvery(surprises);
        return new Scenario(device, config);
    }

    private static RecordingSink alone(InferenceRequest request, SchedulerConfig config, int surprises) {
        Scenario scenario = scenario(with(config, Speculation.NONE), surprises);
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.submit(request, sink)).isEmpty();
        scenario.runDry();
        assertThat(scenario.reports).allMatch(report -> report.draftTokens() == 0);
        return sink;
    }

    private static int sum(Scenario scenario, ToIntFunction<IterationReport> number) {
        return scenario.reports.stream().mapToInt(number).sum();
    }

    @Test
    void aTextThatRepeatsItselfTakesFewerIterations() {
        Scenario scenario = scenario(Scenario.CONFIG, 40);
        RecordingSink sink = new RecordingSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2, 3}, 200), sink);
        scenario.runDry();
        assertThat(sink.tokens()).hasSize(200);
        int accepted = sum(scenario, IterationReport::acceptedTokens);
        assertThat(scenario.reports.size() + accepted).isEqualTo(200);
        assertThat(accepted).isGreaterThan(80);
        assertThat(sum(scenario, IterationReport::draftTokens)).isBetween(accepted, 2 * accepted);
        assertThat(sum(scenario, IterationReport::decodeTokens)).isEqualTo(199);
    }

    /** As where kernels are compiled for them first, or a neighbour has left the machine. */
    @Test
    void draftsThatWereSlowAreTriedAgain() {
        boolean[] slow = {true};
        FakeDevice device = new FakeDevice(Scenario.CONFIG.deviceLimits(LIMITS), inputs -> {
            boolean drafts = inputs.segments().stream()
                    .anyMatch(segment -> segment.samplings().size() > 1);
            return Scenario.millis(inputs) + (drafts && slow[0] ? 12 : 0);
        });
        device.surpriseEvery(40);
        Scenario scenario = new Scenario(device, Scenario.CONFIG);
        long[] id = {0};
        IntSupplier accepted = () -> {
            int before = sum(scenario, IterationReport::acceptedTokens);
            scenario.engine.submit(Scenario.request(++id[0], new int[] {1, 2, 3}, 200), new RecordingSink());
            scenario.runDry();
            return sum(scenario, IterationReport::acceptedTokens) - before;
        };
        int[] dear = IntStream.generate(accepted).limit(12).toArray();
        assertThat(Arrays.stream(dear).skip(2)).allMatch(tokens -> tokens < 10);
        slow[0] = false;
        int[] cheap = IntStream.generate(accepted).limit(12).toArray();
        assertThat(cheap[11]).isGreaterThan(80);
    }

    /** Whoever shares the device, is cancelled or preempted: each text, its end and its usage are those without drafts. */
    @Property(tries = 40)
    void tokensAndEndsAreThoseWithoutDrafts(@ForAll long seed) {
        Random random = new Random(seed);
        int surprises = 2 + random.nextInt(30);
        int budget = 300 + 16 * random.nextInt(60);
        SchedulerConfig config = with(
                Scenario.config(20, 1 + random.nextInt(64), budget, 1000, 10, 128),
                new Speculation(Drafts.PROMPT_LOOKUP, 1 + random.nextInt(8)));
        Scenario busy = scenario(config, surprises);
        List<AdapterVersion> adapters = List.of(Scenario.version(1), Scenario.version(2), Scenario.version(3));
        if (random.nextBoolean()) {
            busy.engine.submit(Scenario.job("job", random, 10, 2), new RecordingJobSink());
        }
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 20; id++) {
            InferenceRequest request = Scenario.request(random, id, 200, LIMITS.adapterSlots(), adapters);
            requests.add(Scenario.withOptions(random, request));
            sinks.add(new RecordingSink());
            assertThat(busy.engine.submit(requests.get(id), sinks.get(id))).isEmpty();
            for (int i = random.nextInt(20); i > 0; i--) {
                busy.engine.iterate();
                busy.engine.checkIntegrity();
            }
            if (random.nextInt(4) == 0) {
                busy.engine.cancel(random.nextInt(id + 1));
            }
        }
        busy.runDry();
        for (int id = 0; id < requests.size(); id++) {
            RecordingSink got = sinks.get(id);
            RecordingSink alone = alone(requests.get(id), config, surprises);
            if (got.end().reason() == FinishReason.CANCELLED) {
                assertThat(alone.tokens().subList(0, got.tokens().size())).isEqualTo(got.tokens());
            } else {
                assertThat(got.tokens()).isEqualTo(alone.tokens());
                assertThat(got.end().reason()).isEqualTo(alone.end().reason());
                assertThat(got.end().completionTokens()).isEqualTo(alone.end().completionTokens());
            }
        }
    }
}
