package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Requests that never stop coming keep nobody out for ever, whatever adapters are asked for and pinned. */
class StarvationPropertyTest {
    private static final int CONTEXT = 96;

    /** One adapter slot and a steady stream for adapter 1: a request for adapter 2 is served all the same. */
    @Test
    void aStreamForOneAdapterDoesNotKeepAnotherAdapterOut() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        long id = 0;
        RecordingSink victim = new RecordingSink();
        for (int i = 0; i < 2000 && !victim.ended(); i++) {
            while (scenario.engine.openRequests() < 6) {
                scenario.engine.submit(
                        Scenario.request(++id, new int[] {1, 2}, 5 + (int) (id % 7), Scenario.version(1)),
                        new RecordingSink());
            }
            if (i == 5) {
                scenario.engine.submit(Scenario.request(0, new int[] {1, 2}, 8, Scenario.version(2)), victim);
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        assertThat(victim.end().reason()).isEqualTo(FinishReason.LENGTH);
    }

    /** Endless arrivals of every kind, pins up to and beyond the slots. */
    @Property(tries = 30)
    void everyRequestEndsWhileOthersKeepComing(@ForAll long seed) {
        Random random = new Random(seed);
        int slots = 1 + random.nextInt(4);
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(4), CONTEXT, slots);
        SchedulerConfig config = Scenario.config(20, 64, CONTEXT + random.nextInt(200), 1000, 10, 128);
        Scenario scenario = new Scenario(limits, config);
        List<AdapterVersion> adapters =
                IntStream.rangeClosed(1, slots + 3).mapToObj(Scenario::version).toList();
        adapters.subList(0, random.nextInt(slots + 3)).forEach(scenario.engine::pin);
        List<RecordingSink> early = new ArrayList<>();
        long id = 0;
        int iterations = 0;
        while (early.size() < 20 || !early.stream().allMatch(RecordingSink::ended)) {
            assertThat(iterations++).as("iterations").isLessThan(20_000);
            while (scenario.engine.openRequests() < 12) {
                RecordingSink sink = new RecordingSink();
                assertThat(scenario.engine.submit(request(random, id++, slots, adapters), sink))
                        .isEmpty();
                if (early.size() < 20) {
                    early.add(sink);
                }
            }
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        for (RecordingSink sink : early) {
            boolean pinnedOut = sink.end().message().contains("pinned adapters leave no room");
            assertThat(sink.end().reason()).isEqualTo(pinnedOut ? FinishReason.FAILED : FinishReason.LENGTH);
        }
    }

    private static InferenceRequest request(Random random, long id, int slots, List<AdapterVersion> adapters) {
        List<AdapterVersion> stack = new ArrayList<>();
        for (int i = random.nextInt(Math.min(3, slots + 1)); i > 0; i--) {
            AdapterVersion next = adapters.get(random.nextInt(adapters.size()));
            if (!stack.contains(next)) {
                stack.add(next);
            }
        }
        int[] prompt = random.ints(1 + random.nextInt(40), 0, 1000).toArray();
        return new InferenceRequest(
                id,
                "caller-" + random.nextInt(3),
                prompt,
                1 + random.nextInt(20),
                stack,
                SamplingParams.GREEDY,
                StopRule.NONE);
    }

    @Test
    void moreOldPinsThanSlotsFailNoRequestOfTheBaseModel() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 2), Scenario.CONFIG);
        for (int pin = 1; pin <= 3; pin++) {
            scenario.engine.pin(Scenario.version(pin));
        }
        List<RecordingSink> sinks = List.of(new RecordingSink(), new RecordingSink(), new RecordingSink());
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), sinks.get(0));
        scenario.engine.submit(Scenario.request(2, new int[] {1, 2}, 5, Scenario.version(3)), sinks.get(1));
        scenario.engine.submit(Scenario.request(3, new int[] {1, 2}, 5, Scenario.version(7)), sinks.get(2));
        scenario.runDry();
        assertThat(sinks).allMatch(sink -> sink.end().reason() == FinishReason.LENGTH);
    }
}
