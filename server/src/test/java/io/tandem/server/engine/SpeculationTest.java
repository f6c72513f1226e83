package io.tandem.server.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.decoder.TorchScriptDecoder;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationLoop;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * The scheduler on the real device, in float32, with and without drafts: the tokens are the same, sampled ones too, so
 * their distribution is. Time is virtual, and rows cost nothing in it, so that drafts run whatever else the machine does.
 */
@Timeout(120)
class SpeculationTest {
    private static final int REQUESTS = 24;
    private static final long STEP_NANOS = 5_000_000;

    @RegisterExtension
    final Seeded seeded = new Seeded();

    /** What an answer got. */
    private static final class Answer implements TokenSink {
        final List<Draw> draws = new ArrayList<>();
        Finish end;

        @Override
        public void token(Draw draw) {
            draws.add(draw);
        }

        @Override
        public void promptToken(Draw draw) {}

        @Override
        public void state(float[] state) {}

        @Override
        public void finish(Finish finish) {
            end = finish;
        }
    }

    private static final class Accepted implements IterationListener {
        int tokens;

        @Override
        public void iteration(IterationReport report) {
            tokens += report.acceptedTokens();
        }

        @Override
        public void firstToken(long ttftNanos) {}

        @Override
        public void nextToken(long itlNanos) {}

        @Override
        public void requestEnded(RequestReport report) {}
    }

    private static SchedulerConfig config(Speculation speculation) {
        Finetuning finetuning = new Finetuning(256, 0.05, 0, Mode.CO_SERVING, 64);
        return new SchedulerConfig(new Targets(50, 2000), finetuning, 64, 0, 64, 4, 1, speculation);
    }

    /** Few tokens are likely in many of them, since the answers of a random model seldom repeat anything. */
    private static InferenceRequest request(Random random, long id, int vocab, List<AdapterVersion> adapters) {
        int[] phrase = random.ints(1 + random.nextInt(10), 0, vocab).toArray();
        int[] prompt = new int[1 + random.nextInt(60)];
        for (int i = 0; i < prompt.length; i++) {
            prompt[i] = phrase[i % phrase.length];
        }
        Map<Integer, Float> likely = new HashMap<>();
        for (int i = random.nextInt(5); i > 0; i--) {
            likely.put(random.nextInt(vocab), 6f);
        }
        Penalties penalties = random.nextInt(3) == 0 ? new Penalties(0.1, 0.05, 1.1) : Penalties.NONE;
        SamplingParams sampling = new SamplingParams(
                random.nextInt(3) * 0.5,
                random.nextInt(2) * 20,
                random.nextBoolean() ? 0.9 : 1,
                0,
                random.nextLong(),
                penalties,
                likely,
                random.nextInt(3));
        StopRule stop = random.nextBoolean()
                ? StopRule.NONE
                : new StopRule(Set.of(random.nextInt(vocab)), random.nextInt(20), random.nextBoolean());
        List<AdapterVersion> stack = adapters.subList(0, random.nextInt(adapters.size() + 1));
        return new InferenceRequest(id, "", prompt, 1 + random.nextInt(120), stack, sampling, stop);
    }

    /** @param cancelled leaves in the middle of its answer */
    private static List<Answer> run(
            DeviceModel device,
            Speculation speculation,
            List<InferenceRequest> requests,
            int cancelled,
            Accepted heard) {
        long[] now = new long[1];
        IterationLoop loop = new IterationLoop(device, config(speculation), () -> now[0] += STEP_NANOS, heard);
        List<Answer> answers = new ArrayList<>();
        for (InferenceRequest request : requests) {
            answers.add(new Answer());
            loop.add(new Sequence(
                    request, answers.get(answers.size() - 1), device.limits().contextTokens(), now[0]));
            loop.iterate();
            loop.checkIntegrity();
        }
        while (loop.iterate()) {
            loop.checkIntegrity();
            if (cancelled >= 0 && answers.get(cancelled).draws.size() > 10) {
                loop.cancel(cancelled);
            }
        }
        return answers;
    }

    @Test
    void tokensLogprobsAndEndsAreThoseWithoutDrafts(@TempDir Path directory) throws Exception {
        Random random = seeded.random();
        TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong()).write(directory);
        KernelsConfig limits = new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, 5, 256, 512, 2, 8, 64, Stash.KEEP);
        try (DeviceModel device = TorchScriptDecoder.load(
                ModelSource.open(directory), config(Speculation.NONE).deviceLimits(limits), LoadProgress.NONE)) {
            List<AdapterVersion> adapters = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Adapter adapter = TinyAdapters.random(device.model(), LoraConfig.allLinears(), 4, i);
                adapters.add(new AdapterVersion("a" + i, ContentHash.of(adapter), device.prepare(adapter)));
            }
            List<InferenceRequest> requests = new ArrayList<>();
            for (int id = 0; id < REQUESTS; id++) {
                requests.add(request(random, id, device.model().vocab(), adapters));
            }
            Accepted none = new Accepted();
            List<Answer> expected = run(device, Speculation.NONE, requests, -1, none);
            Accepted some = new Accepted();
            int cancelled = random.nextInt(REQUESTS);
            List<Answer> got = run(device, new Speculation(Drafts.PROMPT_LOOKUP, 6), requests, cancelled, some);
            assertThat(none.tokens).isZero();
            assertThat(some.tokens).isGreaterThan(50);
            for (int id = 0; id < REQUESTS; id++) {
                assertSame(got.get(id), expected.get(id), id == cancelled, "request " + id);
            }
        }
    }

    private static void assertSame(Answer got, Answer expected, boolean cancelled, String what) {
        int size = cancelled ? got.draws.size() : expected.draws.size();
        assertThat(got.draws).as(what).hasSize(size);
        for (int i = 0; i < size; i++) {
            Draw draw = got.draws.get(i);
            assertThat(draw.token()).as(what).isEqualTo(expected.draws.get(i).token());
            assertThat(draw.logprob()).as(what).isCloseTo(expected.draws.get(i).logprob(), within(1e-3f));
            assertThat(draw.topTokens())
                    .as(what)
                    .hasSameSizeAs(expected.draws.get(i).topTokens());
        }
        if (!cancelled) {
            assertThat(got.end.reason()).as(what).isEqualTo(expected.end.reason());
            assertThat(got.end.completionTokens()).as(what).isEqualTo(expected.end.completionTokens());
        }
    }
}
