package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Best-effort requests live on what the others leave, and give the same answers. */
class BestEffortTest {
    private static final int CONTEXT = 96;
    private static final int SLOTS = 4;
    private static final KernelsConfig LIMITS = FakeDevice.limits(SLOTS, CONTEXT, 3);

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);

    private RecordingSink bestEffort(InferenceRequest request) {
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.bestEffort().submit(List.of(new Submission(request, sink))))
                .isEmpty();
        return sink;
    }

    private RecordingSink interactive(InferenceRequest request) {
        RecordingSink sink = new RecordingSink();
        assertThat(scenario.engine.submit(request, sink)).isEmpty();
        return sink;
    }

    private static InferenceRequest request(long id, int answer, AdapterVersion... adapters) {
        return Scenario.request(id, new int[] {(int) (id % 1000), 2 + (int) (id / 1000), 3}, answer, adapters);
    }

    @Test
    void whoeverComesLaterIsServedFirst() {
        List<RecordingSink> rows = new ArrayList<>();
        for (int i = 0; i < 2 * SLOTS; i++) {
            rows.add(bestEffort(request(i, 60)));
        }
        for (int i = 0; i < 10; i++) {
            scenario.engine.iterate();
        }
        assertThat(rows.subList(0, SLOTS)).allMatch(row -> row.tokens().size() > 1);
        List<RecordingSink> answers = new ArrayList<>();
        for (int i = 0; i < SLOTS; i++) {
            answers.add(interactive(request(100 + i, 3)));
        }
        int[] before = rows.stream().mapToInt(row -> row.tokens().size()).toArray();
        for (int i = 0; i < 3; i++) {
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
        }
        assertThat(answers).allMatch(RecordingSink::ended);
        assertThat(rows.stream().mapToInt(row -> row.tokens().size()).toArray())
                .as("no row had a slot meanwhile")
                .isEqualTo(before);
        scenario.runDry();
        assertThat(rows).allMatch(row -> row.tokens().size() == 60);
    }

    @Test
    void placesOfOpenRequestsAreNotTaken() {
        for (int i = 0; i < 2000; i++) {
            bestEffort(request(i, 5));
        }
        assertThat(scenario.engine.openRequests()).isZero();
        scenario.runDry();
        assertThat(scenario.ends).as("no target was missed or met").isEmpty();
    }

    @Test
    void adapterSlotsMakeWay() {
        RecordingSink one = bestEffort(request(1, 60, Scenario.version(1)));
        RecordingSink two = bestEffort(request(2, 60, Scenario.version(2)));
        RecordingSink three = bestEffort(request(3, 60, Scenario.version(3)));
        for (int i = 0; i < 5; i++) {
            scenario.engine.iterate();
        }
        RecordingSink answer = interactive(request(4, 2, Scenario.version(4), Scenario.version(5)));
        scenario.engine.iterate();
        scenario.engine.iterate();
        assertThat(answer.ended()).isTrue();
        scenario.runDry();
        assertThat(List.of(one, two, three)).allMatch(row -> row.tokens().size() == 60);
    }

    /** Inference alone takes longer than the target: nothing is left, until it ends. */
    @Test
    void answersThatMissTheirTargetAreNotDelayed() {
        Scenario slow = new Scenario(
                new FakeDevice(
                        Scenario.CONFIG.deviceLimits(LIMITS),
                        inputs -> 25 + 10 * inputs.segments().size()),
                Scenario.CONFIG);
        RecordingSink row = new RecordingSink();
        slow.engine.bestEffort().submit(List.of(new Submission(request(1, 80), row)));
        for (int i = 0; i < 20; i++) {
            slow.engine.iterate();
        }
        slow.engine.submit(request(2, 60), new RecordingSink());
        slow.engine.iterate();
        int before = row.tokens().size();
        for (int i = 0; i < 50; i++) {
            slow.engine.iterate();
        }
        assertThat(row.tokens()).hasSize(before);
        slow.runDry();
        assertThat(row.tokens()).hasSize(80);
    }

    @Test
    void withAJobTheyShareWhatIsLeft() {
        RecordingJobSink job = new RecordingJobSink();
        assertThat(scenario.engine.submit(Scenario.job("job", new Random(1), 200, 20), job))
                .isEmpty();
        for (int i = 0; i < 400; i++) {
            bestEffort(request(i, 60));
        }
        for (int i = 0; i < 500; i++) {
            scenario.engine.iterate();
        }
        List<IterationReport> reports = scenario.reports.subList(100, 500);
        assertThat(reports).filteredOn(IterationReport::finetunes).hasSizeGreaterThan(390);
        assertThat(reports).filteredOn(report -> report.bestEffortTokens() > 0).hasSizeGreaterThan(390);
    }

    /** Tokens that drafts brought count like those that were decoded one by one; wrong ones of drafts do not. */
    @Test
    void theirTokensAreCountedWhoeverFoundThem() {
        FakeDevice device = new FakeDevice(Scenario.CONFIG.deviceLimits(LIMITS), Scenario::millis);
        device.surpriseEvery(20);
        Scenario repeating = new Scenario(device, Scenario.CONFIG);
        RecordingSink row = new RecordingSink();
        repeating.engine.bestEffort().submit(List.of(new Submission(request(1, 80), row)));
        repeating.runDry();
        List<IterationReport> reports = repeating.reports;
        assertThat(reports).anyMatch(report -> report.acceptedTokens() > 0);
        assertThat(reports).anyMatch(report -> report.draftTokens() > report.acceptedTokens());
        // The first token of the answer is drawn from the prompt's last.
        assertThat(reports.stream().mapToInt(IterationReport::bestEffortTokens).sum())
                .isEqualTo(3 + 80 - 1);
        assertThat(row.tokens()).hasSize(80);
    }

    @Test
    void thoseWhoAreCancelledEnd() {
        RecordingSink runs = bestEffort(request(1, 60));
        for (int i = 2; i < 20; i++) {
            bestEffort(request(i, 60));
        }
        scenario.engine.iterate();
        scenario.engine.iterate();
        for (int i = 1; i < 20; i++) {
            scenario.engine.bestEffort().cancel(i);
        }
        scenario.runDry();
        assertThat(runs.end().reason()).isEqualTo(FinishReason.CANCELLED);
    }

    /** However often they lose their slots, their answers are those that they would get alone. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void answersAreTheSameAsAlone(long seed) {
        Random random = new Random(seed);
        SchedulerConfig config = Scenario.config(20, 64, 160, 1000, 10, 128);
        Scenario mixed = new Scenario(LIMITS, config);
        List<AdapterVersion> adapters = List.of(Scenario.version(1), Scenario.version(2), Scenario.version(3));
        Map<InferenceRequest, RecordingSink> all = new LinkedHashMap<>();
        for (int i = 0; i < 60; i++) {
            InferenceRequest request = Scenario.request(random, i, CONTEXT, 3, adapters);
            RecordingSink sink = new RecordingSink();
            TokenSource source = random.nextBoolean() ? mixed.engine : mixed.engine.bestEffort();
            assertThat(source.submit(request, sink)).isEmpty();
            all.put(request, sink);
            for (int j = random.nextInt(6); j > 0; j--) {
                mixed.engine.iterate();
                mixed.engine.checkIntegrity();
            }
        }
        mixed.runDry();
        all.forEach((request, sink) -> assertThat(sink.tokens())
                .as("seed " + seed + ", request " + request.id())
                .isEqualTo(Scenario.alone(request, LIMITS, config).tokens()));
    }
}
