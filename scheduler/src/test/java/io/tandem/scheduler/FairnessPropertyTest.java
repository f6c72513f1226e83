package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Whatever callers send, those who wait are served alike, and nobody for ever. */
class FairnessPropertyTest {
    private static final int SLOTS = 4;
    private static final int CONTEXT = 96;
    /** The most that can be running at once, all of it tokens of answers (VTC's U). */
    private static final double BOUND = 2.0 * SLOTS * CONTEXT;

    private static final class Caller {
        final String name;
        final int maxPrompt;
        final int maxAnswer;
        int unanswered;
        double served;

        Caller(int number, Random random) {
            name = "caller-" + number;
            maxPrompt = 1 + random.nextInt(CONTEXT / 2);
            maxAnswer = 1 + random.nextInt(CONTEXT / 2);
        }

        /** More requests without a token than can be running: at least one of them waits. */
        boolean waits() {
            return unanswered > SLOTS;
        }

        TokenSink sink(int promptTokens) {
            return new TokenSink() {
                private boolean begun;

                @Override
                public void promptToken(Draw draw) {}

                @Override
                public void token(Draw draw) {
                    if (!begun) {
                        begun = true;
                        unanswered--;
                        served += promptTokens;
                    }
                    served += 2;
                }

                @Override
                public void state(float[] state) {}

                @Override
                public void finish(Finish finish) {
                    assertThat(begun).isTrue();
                }
            };
        }
    }

    @Property(tries = 30)
    void callersThatWaitAreServedAlike(@ForAll long seed) {
        Random random = new Random(seed);
        Scenario scenario = new Scenario(FakeDevice.limits(SLOTS, CONTEXT, 1), Scenario.CONFIG);
        List<Caller> callers = new ArrayList<>();
        for (int i = 0; i < 2 + random.nextInt(4); i++) {
            callers.add(new Caller(i, random));
        }
        int id = 0;
        for (Caller caller : callers) {
            for (int i = 0; i < 10 + random.nextInt(60); i++) {
                submit(scenario, caller, id++, random);
            }
        }
        double worst = 0;
        while (scenario.engine.iterate()) {
            double least = Double.POSITIVE_INFINITY;
            double most = 0;
            for (Caller caller : callers) {
                least = caller.waits() ? Math.min(least, caller.served) : least;
                most = caller.waits() ? Math.max(most, caller.served) : most;
            }
            worst = Math.max(worst, most - least);
        }
        assertThat(worst).isLessThanOrEqualTo(BOUND + CONTEXT);
        assertThat(callers).allSatisfy(caller -> assertThat(caller.unanswered).isZero());
    }

    private static void submit(Scenario scenario, Caller caller, int id, Random random) {
        int[] prompt =
                random.ints(1 + random.nextInt(caller.maxPrompt), 0, 1000).toArray();
        caller.unanswered++;
        InferenceRequest request = new InferenceRequest(
                id,
                caller.name,
                prompt,
                1 + random.nextInt(caller.maxAnswer),
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE);
        assertThat(scenario.engine.submit(request, caller.sink(prompt.length))).isEmpty();
    }
}
