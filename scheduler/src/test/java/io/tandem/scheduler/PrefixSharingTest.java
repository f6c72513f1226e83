package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Requests that run at once compute a common beginning once; the device's text depends on all that is in a slot. */
class PrefixSharingTest {
    private static final int CONTEXT = 400;
    private static final KernelsConfig LIMITS = FakeDevice.limits(8, CONTEXT, 3);

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
    private final int[] prompt = new Random(1).ints(200, 0, 1000).toArray();

    private RecordingSink submit(long id, int[] tokens, AdapterVersion... adapters) {
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.submit(Scenario.request(id, tokens, 20, adapters), sink))
                .isEmpty();
        return sink;
    }

    private int prefilled() {
        return scenario.reports.stream()
                .mapToInt(IterationReport::prefillTokens)
                .sum();
    }

    private int copied() {
        return scenario.reports.stream().mapToInt(IterationReport::copiedTokens).sum();
    }

    private static void assertSameAsAlone(RecordingSink sink, InferenceRequest request) {
        assertThat(sink.tokens())
                .isEqualTo(Scenario.alone(request, LIMITS, Scenario.CONFIG).tokens());
    }

    /** Of chunks of 64 tokens, the last is too short to be worth waiting for. */
    @Test
    void theAnswersOfARequestShareItsPrompt() {
        List<RecordingSink> sinks = new ArrayList<>();
        List<Submission> answers = new ArrayList<>();
        for (int id = 0; id < 4; id++) {
            sinks.add(new RecordingSink());
            SamplingParams sampling = new SamplingParams(1, 0, 1, 0, id, SamplingParams.Penalties.NONE, Map.of(), -1);
            InferenceRequest request = new InferenceRequest(id, "", prompt, 20, List.of(), sampling, StopRule.NONE);
            answers.add(new Submission(request, sinks.get(id)));
        }
        assertThat(scenario.engine.submit(answers)).isEmpty();
        scenario.runDry();
        assertThat(copied()).isEqualTo(3 * 192);
        assertThat(prefilled()).isEqualTo(200 + 3 * 8);
        assertThat(sinks).extracting(sink -> sink.end().cachedTokens()).containsExactly(0, 192, 192, 192);
        for (int id = 0; id < 4; id++) {
            assertSameAsAlone(sinks.get(id), answers.get(id).request());
        }
    }

    @Test
    void aRequestReusesWhatARunningOneHasComputed() {
        RecordingSink first = submit(1, prompt);
        for (int i = 0; i < 6; i++) {
            scenario.engine.iterate();
        }
        assertThat(first.tokens()).isNotEmpty();
        int[] other = Arrays.copyOf(prompt, 250);
        RecordingSink second = submit(2, other);
        scenario.runDry();
        assertThat(second.end().cachedTokens()).isEqualTo(200);
        assertThat(copied()).isEqualTo(200);
        assertSameAsAlone(first, Scenario.request(1, prompt, 20));
        assertSameAsAlone(second, Scenario.request(2, other, 20));
    }

    @Test
    void nothingIsSharedBetweenAdaptersNorForAFewTokens() {
        submit(1, prompt);
        submit(2, prompt, Scenario.version(1));
        submit(3, prompt, Scenario.version(2));
        submit(4, prompt, Scenario.version(1), Scenario.version(2));
        submit(
                5,
                IntStream.concat(
                                Arrays.stream(prompt, 0, 31),
                                IntStream.generate(() -> 5).limit(100))
                        .toArray());
        scenario.runDry();
        assertThat(copied()).isZero();
        assertThat(prefilled()).isEqualTo(4 * 200 + 131);
    }

    @Test
    void whatCannotBeCopiedIsComputed() {
        scenario.device.failIf(method -> method.equals("copyCache"));
        RecordingSink first = submit(1, prompt);
        RecordingSink second = submit(2, prompt);
        scenario.runDry();
        assertThat(scenario.device.failed()).containsKey("copyCache");
        assertThat(prefilled()).isEqualTo(400);
        assertThat(second.end().cachedTokens()).isZero();
        assertThat(second.tokens()).isEqualTo(first.tokens());
        assertSameAsAlone(first, Scenario.request(1, prompt, 20));
    }

    @Test
    void domainsShareNothing() {
        List<RecordingSink> sinks = new ArrayList<>();
        for (String domain : List.of("a", "b", "", "a", "b", "")) {
            RecordingSink sink = new RecordingSink();
            sinks.add(sink);
            scenario.engine.submit(Scenario.request(sinks.size(), prompt, 5).inDomain(domain), sink);
            if (sinks.size() == 3) {
                scenario.runDry();
            }
        }
        scenario.runDry();
        assertThat(sinks.subList(0, 3)).allMatch(sink -> sink.end().cachedTokens() == 0);
        assertThat(sinks.subList(3, 6)).allMatch(sink -> sink.end().cachedTokens() > 100);
        assertThat(sinks)
                .extracting(RecordingSink::tokens)
                .containsOnly(sinks.get(0).tokens());
    }

    @Test
    void aPromptThatIsScoredRunsAsAWhole() {
        submit(1, prompt);
        RecordingSink scored = new RecordingSink();
        InferenceRequest request = new InferenceRequest(
                2, "", prompt, 3, List.of(), SamplingParams.GREEDY, StopRule.NONE, new Options(0, 0, Optional.empty()));
        scenario.engine.submit(request, scored);
        scenario.runDry();
        assertThat(copied()).isZero();
        assertThat(scored.promptTokens()).hasSize(199);
    }

    /** Few beginnings, adapters, cancellations and preemptions: whatever is copied, each text is the one it has alone. */
    @Property(tries = 40)
    void whatIsCopiedIsWhatWouldHaveBeenComputed(@ForAll long seed) {
        Random random = new Random(seed);
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(6), CONTEXT, 2);
        int budget = CONTEXT + 16 * random.nextInt(60);
        SchedulerConfig config = Scenario.config(20, 1 + random.nextInt(128), budget, 1000, 10, 128);
        Scenario busy = new Scenario(limits, config);
        List<AdapterVersion> adapters = List.of(Scenario.version(1), Scenario.version(2));
        List<int[]> beginnings = List.of(tokens(random, 150), tokens(random, 150));
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 25; id++) {
            int[] begin = beginnings.get(random.nextInt(2));
            int[] own = Arrays.copyOf(begin, 1 + random.nextInt(300));
            for (int i = random.nextInt(own.length); i < own.length; i++) {
                own[i] = random.nextInt(1000);
            }
            AdapterVersion[] stack = adapters.subList(0, random.nextInt(3)).toArray(AdapterVersion[]::new);
            requests.add(Scenario.request(id, own, 1 + random.nextInt(60), stack));
            sinks.add(new RecordingSink());
            assertThat(busy.engine.submit(requests.get(id), sinks.get(id))).isEmpty();
            for (int i = random.nextInt(6); i > 0; i--) {
                busy.engine.iterate();
                busy.engine.checkIntegrity();
            }
            if (random.nextInt(4) == 0) {
                busy.engine.cancel(random.nextInt(id + 1));
            }
        }
        busy.runDry();
        for (int id = 0; id < requests.size(); id++) {
            List<Integer> got = sinks.get(id).tokens();
            RecordingSink alone = Scenario.alone(requests.get(id), limits, config);
            assertThat(alone.tokens().subList(0, got.size())).isEqualTo(got);
            assertThat(sinks.get(id).end().cachedTokens())
                    .isLessThan(requests.get(id).prompt().length);
        }
    }

    private static int[] tokens(Random random, int count) {
        return random.ints(count, 0, 1000).toArray();
    }
}
