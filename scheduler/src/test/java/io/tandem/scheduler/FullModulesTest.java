package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Modules in full have less room than adapters have slots; that there are no more of them, the device checks. */
class FullModulesTest {
    private static final KernelsConfig LIMITS = FakeDevice.limits(6, 200, 6).withFullModules(2);

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
    private final Random random = new Random(1);

    private static AdapterVersion full(int seed, FullModule... modules) {
        Map<FullModule, Parameter> full = new TreeMap<>();
        for (FullModule module : modules) {
            full.put(module, new Parameter(module.weight(), 1, 1, new float[] {seed}));
        }
        Adapter adapter = Scenario.version(seed).adapter().withFull(full);
        return new AdapterVersion("full" + seed, ContentHash.of(adapter), FakeDevice.prepared(adapter));
    }

    private InferenceRequest request(int seed, AdapterVersion... adapters) {
        return Scenario.request(seed, random.ints(20, 0, 1000).toArray(), 10, adapters);
    }

    /** Requests wait while others use the room, and all get what they get alone. */
    @Test
    void adaptersTakeTurnsInTheRoom() {
        AdapterVersion head = full(1, FullModule.LM_HEAD);
        List<InferenceRequest> requests = Stream.of(
                        head,
                        full(2, FullModule.values()),
                        full(3, FullModule.EMBED_TOKENS),
                        Scenario.version(4),
                        full(5, FullModule.values()),
                        head)
                .map(adapter -> request(random.nextInt(1000), adapter))
                .toList();
        List<RecordingSink> sinks =
                requests.stream().map(request -> new RecordingSink()).toList();
        for (int i = 0; i < requests.size(); i++) {
            assertThat(scenario.engine.submit(requests.get(i), sinks.get(i))).isEmpty();
        }
        scenario.runDry();
        for (int i = 0; i < requests.size(); i++) {
            assertThat(sinks.get(i).tokens())
                    .hasSize(10)
                    .isEqualTo(Scenario.alone(requests.get(i), LIMITS, Scenario.CONFIG)
                            .tokens());
        }
    }

    @Test
    void whatNeverFitsIsRefused() {
        assertThat(refusal(LIMITS, full(1, FullModule.LM_HEAD), full(2, FullModule.values())))
                .contains("several adapters that have lm_head in full");
        assertThat(refusal(LIMITS.withFullModules(1), full(1, FullModule.LM_HEAD), full(2, FullModule.EMBED_TOKENS)))
                .contains("have 2 modules in full (modules_to_save), kernels.full-modules is 1");
    }

    private String refusal(KernelsConfig limits, AdapterVersion... adapters) {
        return new Scenario(limits, Scenario.CONFIG)
                .engine
                .submit(request(1, adapters), new RecordingSink())
                .orElseThrow()
                .message();
    }
}
