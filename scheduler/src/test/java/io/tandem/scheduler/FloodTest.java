package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What a caller that asks for little notices of one that asks for all there is: an iteration or two. */
class FloodTest {
    private static final int CONTEXT = 256;
    private static final int SLOTS = 8;
    private static final KernelsConfig LIMITS = FakeDevice.limits(SLOTS, CONTEXT, 2);
    private static final String LOUD = "loud";
    private static final String QUIET = "quiet";

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
    private final List<RecordingSink> flood = new ArrayList<>();
    private long id;

    private RecordingSink submit(String caller, Random random, int prompt, int tokens, AdapterVersion... adapters) {
        InferenceRequest request = new InferenceRequest(
                id++,
                caller,
                random.ints(prompt, 0, 1000).toArray(),
                tokens,
                List.of(adapters),
                SamplingParams.GREEDY,
                StopRule.NONE);
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.submit(request, sink)).isEmpty();
        return sink;
    }

    /** Many more long prompts and answers than there are slots. */
    private void flood(Random random, AdapterVersion... adapters) {
        while (scenario.engine.openRequests() < 5 * SLOTS) {
            flood.add(submit(LOUD, random, 50 + random.nextInt(100), 20 + random.nextInt(80), adapters));
        }
    }

    private void iterate() {
        scenario.engine.iterate();
        scenario.engine.checkIntegrity();
    }

    /** In the next iteration, or in the one after it if that is full of prompts whose turn is before. */
    @Property(tries = 10)
    void itsFirstTokensComeAtOnce(@ForAll long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 40; i++) {
            flood(random);
            iterate();
        }
        for (int visit = 0; visit < 30; visit++) {
            for (int i = 0; i < 8; i++) {
                flood(random);
                iterate();
            }
            RecordingSink sink = submit(QUIET, random, 1 + random.nextInt(40), 1 + random.nextInt(4));
            iterate();
            iterate();
            assertThat(sink.tokens()).as("visit %d", visit).isNotEmpty();
        }
        scenario.runDry();
        assertThat(flood).allMatch(sink -> sink.end().reason() == FinishReason.LENGTH);
    }

    /** All adapter slots are in use by the flood's answers. */
    @Test
    void anAdapterFindsASlot() {
        Random random = new Random(1);
        for (int i = 0; i < 60; i++) {
            flood(random, Scenario.version(1 + i % 2));
            iterate();
        }
        RecordingSink sink = submit(QUIET, random, 10, 2, Scenario.version(3));
        iterate();
        iterate();
        assertThat(sink.tokens()).isNotEmpty();
    }

    /** A slot stays free for who comes again and again, so the flood's answers need not begin anew for each request. */
    @Test
    void aVisitorThatComesAgainTakesNoRunningAnswersSlot() {
        Random random = new Random(5);
        for (int visit = 0; visit < 60; visit++) {
            for (int i = 0; i < 8; i++) {
                flood(random);
                iterate();
            }
            submit(QUIET, random, 20, 2);
        }
        assertThat(scenario.reports.stream()
                        .mapToLong(IterationReport::preemptions)
                        .sum())
                .isLessThanOrEqualTo(1);
    }

    /** Slots do not go back and forth between callers that both want all of them. */
    @Property(tries = 10)
    void callersThatBothWantEverythingTakeNothingFromEachOther(@ForAll long seed) {
        Random random = new Random(seed);
        Map<String, List<RecordingSink>> all = Map.of(LOUD, new ArrayList<>(), QUIET, new ArrayList<>());
        for (int i = 0; i < 300; i++) {
            all.forEach((caller, sinks) -> {
                sinks.removeIf(RecordingSink::ended);
                while (sinks.size() < 2 * SLOTS) {
                    sinks.add(submit(caller, random, 30, 40));
                }
            });
            iterate();
        }
        assertThat(scenario.reports.stream()
                        .mapToLong(IterationReport::preemptions)
                        .sum())
                .isLessThanOrEqualTo(SLOTS);
    }

    /** A job of one tenant has no more than its floor of an iteration that gives another its first token. */
    @Test
    void trainingMakesWayForFirstTokensOfOtherTenants() {
        assertThat(trainingBesideFirstTokens(QUIET)).isLessThan(0.1);
        assertThat(trainingBesideFirstTokens(InferenceRequest.SHARED_CALLER)).isGreaterThan(0.5);
    }

    /** Share of the time of those iterations. */
    private static double trainingBesideFirstTokens(String caller) {
        FloodTest test = new FloodTest();
        Random random = new Random(3);
        RecordingJobSink job = new RecordingJobSink();
        assertThat(test.scenario.engine.submit(Scenario.job("job", random, 200, 20), job))
                .isEmpty();
        double training = 0;
        double all = 0;
        for (int visit = 0; visit < 50; visit++) {
            for (int i = 0; i < 6; i++) {
                test.iterate();
            }
            RecordingSink sink = test.submit(caller, random, 20, 2);
            test.iterate();
            assertThat(sink.tokens()).hasSize(1);
            IterationReport report = test.scenario.reports.get(test.scenario.reports.size() - 1);
            training += report.trainingNanos();
            all += report.durationNanos();
        }
        return training / all;
    }
}
