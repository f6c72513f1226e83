package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Requests for what layers get of a prompt's last tokens; the device's numbers depend on all tokens before. */
class ObservedPromptTest {
    private static final int CONTEXT = 400;

    private static InferenceRequest request(long id, int[] prompt, int observed) {
        return new InferenceRequest(
                id, "", prompt, 1, List.of(), SamplingParams.GREEDY, StopRule.NONE, Options.pooled(observed));
    }

    @Test
    void onlyTheLastTokensRunAgainAndTheAnswerUsesWhatTheyLeft() {
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 2), Scenario.CONFIG);
        int[] prompt = new Random(1).ints(200, 0, 1000).toArray();
        RecordingSink first = new RecordingSink();
        scenario.engine.submit(request(1, prompt, 32), first);
        scenario.runDry();
        RecordingSink again = new RecordingSink();
        scenario.engine.submit(request(2, prompt, 32), again);
        scenario.runDry();
        RecordingSink answer = new RecordingSink();
        scenario.engine.submit(Scenario.request(3, prompt, 5), answer);
        scenario.runDry();
        assertThat(first.observed()).hasSize(32).isEqualTo(again.observed());
        assertThat(first.states()).hasSize(1);
        assertThat(first.end().cachedTokens()).isZero();
        assertThat(again.end().cachedTokens()).isEqualTo(168);
        assertThat(answer.end().cachedTokens()).isEqualTo(199);
    }

    /** Whatever is cached, copied or preempted, each token is observed once, in order. */
    @Property(tries = 40)
    void everyTokenIsObservedOnce(@ForAll long seed) {
        Random random = new Random(seed);
        KernelsConfig limits = FakeDevice.limits(1 + random.nextInt(6), CONTEXT, 2);
        SchedulerConfig config =
                Scenario.config(20, 1 + random.nextInt(128), CONTEXT + 16 * random.nextInt(60), 1000, 10, 128);
        Scenario busy = new Scenario(limits, config);
        int[] beginning = random.ints(150, 0, 1000).toArray();
        List<InferenceRequest> requests = new ArrayList<>();
        List<RecordingSink> sinks = new ArrayList<>();
        for (int id = 0; id < 20; id++) {
            int[] prompt = Arrays.copyOf(beginning, 1 + random.nextInt(300));
            requests.add(
                    random.nextInt(3) == 0
                            ? Scenario.request(id, prompt, 1 + random.nextInt(60))
                            : request(id, prompt, random.nextInt(100)));
            sinks.add(new RecordingSink());
            busy.engine.submit(requests.get(id), sinks.get(id));
            for (int i = random.nextInt(6); i > 0; i--) {
                busy.engine.iterate();
            }
        }
        busy.runDry();
        for (int id = 0; id < 20; id++) {
            InferenceRequest request = requests.get(id);
            RecordingSink alone = Scenario.alone(request, limits, config);
            assertThat(sinks.get(id).observed())
                    .hasSize(Math.min(request.options().observed(), request.prompt().length))
                    .isEqualTo(alone.observed());
            assertThat(sinks.get(id).tokens()).isEqualTo(alone.tokens());
        }
    }
}
