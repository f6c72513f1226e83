package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** On a device whose text depends on the loops after which every token before has left. */
class EarlyExitSimulationTest {
    private static final KernelsConfig LIMITS = FakeDevice.limits(6, 400, 3);
    private static final int LOOPS = 3;

    private static Scenario scenario(SchedulerConfig config) {
        FakeDevice device = new FakeDevice(config.deviceLimits(LIMITS), Scenario::millis);
        device.loops(LOOPS);
        device.surpriseEvery(3);
        return new Scenario(device, config);
    }

    private static InferenceRequest leaving(InferenceRequest request, int[] prompt, double threshold) {
        SamplingParams own = request.sampling();
        return new InferenceRequest(
                request.id(),
                request.caller(),
                prompt,
                request.maxTokens(),
                request.adapters(),
                new SamplingParams(
                        own.temperature(),
                        own.topK(),
                        own.topP(),
                        own.minP(),
                        own.seed(),
                        own.penalties(),
                        own.logitBias(),
                        own.topLogprobs(),
                        threshold),
                request.stop(),
                request.options());
    }

    private static RecordingSink alone(InferenceRequest request, SchedulerConfig config) {
        Scenario scenario = scenario(config);
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.submit(request, sink)).isEmpty();
        scenario.runDry();
        return sink;
    }

    private static int sum(Scenario scenario, ToIntFunction<IterationReport> number) {
        return scenario.reports.stream().mapToInt(number).sum();
    }

    private static int[] joined(int[] prompt, List<Integer> answer, int... more) {
        return Stream.of(Arrays.stream(prompt), answer.stream().mapToInt(token -> token), Arrays.stream(more))
                .flatMapToInt(tokens -> tokens)
                .toArray();
    }

    @Test
    void loopsAreCounted() {
        Scenario never = scenario(Scenario.CONFIG);
        Scenario often = scenario(Scenario.CONFIG);
        int[] prompt = {1, 2, 3};
        never.engine.submit(Scenario.request(1, prompt, 101), new RecordingSink());
        often.engine.submit(leaving(Scenario.request(1, prompt, 101), prompt, 0.5), new RecordingSink());
        never.runDry();
        often.runDry();
        assertThat(sum(never, IterationReport::loops)).isEqualTo(100 * LOOPS);
        // Half of them after one loop, and a quarter after two.
        assertThat(sum(often, IterationReport::loops)).isBetween(150, 200);
        Scenario plain = new Scenario(LIMITS, Scenario.CONFIG);
        plain.engine.submit(Scenario.request(1, prompt, 101), new RecordingSink());
        plain.runDry();
        assertThat(sum(plain, IterationReport::loops)).isZero();
    }

    /** Who has left goes on with its next token at once, while others are in later loops. */
    @Test
    void nobodyWaitsForTheLoopsOfOthers() {
        SchedulerConfig config = Scenario.config(20, 64, 0, 1000, 10, 128, Speculation.NONE);
        int[] alone = new int[6];
        Scenario together = scenario(config);
        for (int id = 0; id < 6; id++) {
            int[] prompt = {id, 5, 6};
            InferenceRequest request = leaving(Scenario.request(id, prompt, 101), prompt, 0.5);
            together.engine.submit(request, new RecordingSink());
            Scenario own = scenario(config);
            own.engine.submit(request, new RecordingSink());
            own.runDry();
            alone[id] = own.reports.size();
            assertThat(alone[id]).isEqualTo(1 + sum(own, IterationReport::loops));
            assertThat(sum(own, IterationReport::decodeTokens)).isEqualTo(100);
        }
        together.runDry();
        assertThat(together.reports)
                .hasSizeLessThanOrEqualTo(1 + Arrays.stream(alone).max().orElseThrow());
        assertThat(sum(together, IterationReport::decodeTokens)).isEqualTo(600);
    }

    /** What comes of a token that left early is no part of a prompt that has it. */
    @Test
    void nextTurnsReuseWhatWentThroughAllLoops() {
        Scenario scenario = scenario(Scenario.CONFIG);
        int[] prompt = new Random(1).ints(100, 0, 1000).toArray();
        InferenceRequest first = leaving(Scenario.request(1, prompt, 60), prompt, 0.5);
        RecordingSink answer = new RecordingSink();
        scenario.engine.submit(first, answer);
        scenario.runDry();
        int[] next = joined(prompt, answer.tokens(), 5, 6, 7);
        InferenceRequest second = Scenario.request(2, next, 20);
        RecordingSink again = new RecordingSink();
        scenario.engine.submit(second, again);
        scenario.runDry();
        assertThat(again.end().cachedTokens()).isBetween(100, 130);
        assertThat(again.tokens()).isEqualTo(alone(second, Scenario.CONFIG).tokens());
    }

    /** Tokens that run again leave where they left, though nobody draws behind them. */
    @Test
    void textsGoOnAfterAPreemption() {
        SchedulerConfig config = Scenario.config(20, 64, 320, 1000, 10, 128);
        Scenario scenario = scenario(config);
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 4; id++) {
            int[] prompt = new Random(id).ints(20, 0, 1000).toArray();
            requests.add(leaving(Scenario.request(id, prompt, 150), prompt, 0.5));
            sinks.add(new RecordingSink());
            scenario.engine.submit(requests.get(id), sinks.get(id));
        }
        scenario.runDry();
        assertThat(sum(scenario, IterationReport::preemptions)).isPositive();
        for (int id = 0; id < 4; id++) {
            assertThat(sinks.get(id).tokens())
                    .hasSize(150)
                    .isEqualTo(alone(requests.get(id), config).tokens());
        }
    }

    /** Whoever shares the device, is cancelled or preempted, and whatever is cached: each text is the one that it is alone. */
    @Property(tries = 40)
    void textsAreThoseAlone(@ForAll long seed) {
        Random random = new Random(seed);
        int budget = 400 + 16 * random.nextInt(60);
        SchedulerConfig config = Scenario.config(20, 1 + random.nextInt(64), budget, 1000, 10, 128);
        Scenario busy = scenario(config);
        List<AdapterVersion> adapters = List.of(Scenario.version(1), Scenario.version(2), Scenario.version(3));
        if (random.nextBoolean()) {
            busy.engine.submit(Scenario.job("job", random, 10, 2), new RecordingJobSink());
        }
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 20; id++) {
            InferenceRequest request = Scenario.request(random, id, 150, LIMITS.adapterSlots(), adapters);
            int[] prompt = request.prompt();
            if (id > 0 && random.nextBoolean()) {
                // Goes on where another is, or with its next turn.
                int other = random.nextInt(id);
                int[] next =
                        joined(requests.get(other).prompt(), sinks.get(other).tokens(), random.nextInt(1000));
                prompt = next.length < 300 ? next : prompt;
            }
            double threshold = random.nextInt(3) == 0 ? 1 : random.nextDouble();
            requests.add(leaving(Scenario.withOptions(random, request), prompt, threshold));
            sinks.add(new RecordingSink());
            assertThat(busy.engine.submit(requests.get(id), sinks.get(id))).isEmpty();
            for (int i = random.nextInt(20); i > 0; i--) {
                busy.engine.iterate();
                busy.engine.checkIntegrity();
            }
            if (random.nextInt(6) == 0) {
                busy.engine.cancel(random.nextInt(id + 1));
            }
        }
        busy.runDry();
        for (int id = 0; id < requests.size(); id++) {
            RecordingSink got = sinks.get(id);
            RecordingSink alone = alone(requests.get(id), config);
            if (got.end().reason() == FinishReason.CANCELLED) {
                assertThat(alone.tokens().subList(0, got.tokens().size())).isEqualTo(got.tokens());
            } else {
                assertThat(got.tokens()).isEqualTo(alone.tokens());
                assertThat(got.end().reason()).isEqualTo(alone.end().reason());
            }
        }
    }
}
