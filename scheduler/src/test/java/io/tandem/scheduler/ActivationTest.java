package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.AloraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Adapters that act from their invocation on; the device's text depends on which adapters acted on which token. */
class ActivationTest {
    private static final int CONTEXT = 400;
    private static final KernelsConfig LIMITS = FakeDevice.limits(8, CONTEXT, 4);
    private static final Invocation INVOCATION = new Invocation(List.of(7, 8, 9));

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
    private final AdapterVersion judge = Scenario.activated(1, INVOCATION);
    private final AdapterVersion style = Scenario.version(2);
    private final Random random = new Random(1);

    /** Tokens of which none is part of an invocation. */
    private int[] text(int length) {
        return random.ints(length, 10, 1000).toArray();
    }

    private static int[] concat(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    private static int[] invocation() {
        return INVOCATION.tokens().stream().mapToInt(token -> token).toArray();
    }

    private RecordingSink run(int id, int[] prompt, AdapterVersion... adapters) {
        RecordingSink sink = new RecordingSink();
        InferenceRequest request = Scenario.request(id, prompt, 10, adapters);
        assertThat(scenario.engine.submit(request, sink)).isEmpty();
        scenario.runDry();
        assertThat(sink.tokens())
                .hasSize(10)
                .isEqualTo(Scenario.alone(request, LIMITS, Scenario.CONFIG).tokens());
        return sink;
    }

    /** A judge goes on where the base's conversation is, and the conversation goes on afterwards. */
    @Test
    void allBeforeTheInvocationIsTheBases() {
        int[] question = text(100);
        int[] answer = run(1, question).tokens().stream().mapToInt(t -> t).toArray();
        int[] conversation = concat(question, answer);
        int[] asked = concat(conversation, invocation(), text(5));
        RecordingSink judged = run(2, asked, judge);
        // The answer's last token has not run.
        assertThat(judged.end().cachedTokens()).isEqualTo(conversation.length - 1);
        RecordingSink base = run(3, asked);
        assertThat(base.end().cachedTokens()).isEqualTo(conversation.length);
        assertThat(base.tokens()).isNotEqualTo(judged.tokens());
        int[] other = text(3);
        // Otherwise it would go on with the judge's answer.
        other[0] = judged.tokens().get(0) == 10 ? 11 : 10;
        assertThat(run(4, concat(asked, other), judge).end().cachedTokens()).isEqualTo(asked.length);
        // Another judge of the same text has its own invocation.
        assertThat(run(5, asked, Scenario.activated(3, INVOCATION)).end().cachedTokens())
                .isEqualTo(conversation.length);
    }

    @Test
    void aPromptWithoutTheInvocationIsTheBases() {
        int[] prompt = text(60);
        RecordingSink base = run(1, prompt);
        RecordingSink judged = run(2, prompt, judge);
        assertThat(judged.tokens()).isEqualTo(base.tokens());
        assertThat(judged.end().cachedTokens()).isEqualTo(prompt.length - 1);
        int[] begun = concat(prompt, new int[] {7, 8});
        assertThat(run(3, begun, judge).tokens()).isEqualTo(run(4, begun).tokens());
    }

    @Test
    void theLastInvocationCounts() {
        int[] twice = concat(text(40), invocation(), text(50), invocation(), text(4));
        run(1, twice);
        assertThat(run(2, twice, judge).end().cachedTokens()).isEqualTo(40 + 3 + 50);
    }

    /** Which share what the others do before it. */
    @Test
    void itIsStackedOnOthers() {
        int[] conversation = text(80);
        int[] asked = concat(conversation, invocation(), text(5));
        AdapterVersion prompt = Scenario.prompt(4, 6);
        run(1, asked, style, prompt);
        assertThat(run(2, asked, judge, prompt, style).end().cachedTokens()).isEqualTo(80);
        assertThat(run(3, asked, style, judge).end().cachedTokens()).isZero();
        AdapterVersion second = Scenario.activated(5, new Invocation(List.of(asked[40], asked[41])));
        assertThat(run(4, asked, style, second, judge).end().cachedTokens()).isEqualTo(40);
    }

    /** Chunks end where another adapter begins to act, whoever else is served meanwhile. */
    @Test
    void manyAtOnceGetWhatTheyGetAlone() {
        List<RecordingSink> sinks = new ArrayList<>();
        List<InferenceRequest> requests = new ArrayList<>();
        int[] common = text(70);
        List<AdapterVersion> versions = List.of(
                judge, Scenario.activated(3, INVOCATION), Scenario.activated(5, new Invocation(List.of(8))), style);
        for (int id = 0; id < 40; id++) {
            int[] prompt = concat(
                    Arrays.copyOf(common, random.nextInt(70)),
                    random.nextInt(4) > 0 ? invocation() : new int[0],
                    text(1 + random.nextInt(20)));
            List<AdapterVersion> stack = new ArrayList<>(versions);
            Collections.shuffle(stack, random);
            AdapterVersion[] adapters = stack.subList(0, random.nextInt(4)).toArray(AdapterVersion[]::new);
            requests.add(Scenario.request(id, prompt, 1 + random.nextInt(10), adapters));
            sinks.add(new RecordingSink());
            assertThat(scenario.engine.submit(requests.get(id), sinks.get(id))).isEmpty();
            IntStream.range(0, random.nextInt(3)).forEach(i -> scenario.engine.iterate());
        }
        scenario.runDry();
        for (int id = 0; id < 40; id++) {
            assertThat(sinks.get(id).tokens())
                    .isEqualTo(Scenario.alone(requests.get(id), LIMITS, Scenario.CONFIG)
                            .tokens());
        }
    }

    private PeftMethod method() {
        return new AloraMethod(
                new ActivatedConfig(new LoraConfig(1, 2, false, LoraConfig.allLinears(), ""), INVOCATION));
    }

    private FinetuneJob job(PeftMethod method, List<AdapterVersion> under, List<Example> examples) {
        FinetuneJob plain = Scenario.job("job", examples, examples, new Objective.Supervised(), 2, Cadence.ENDS);
        return new FinetuneJob("job", "", method, under, examples, examples, plain.settings(), 1, Optional.empty());
    }

    private List<Example> examples(int[] invocation) {
        return IntStream.range(0, 12)
                .mapToObj(i -> {
                    int[] prompt = concat(text(8), invocation);
                    int[] tokens = concat(prompt, text(5));
                    int[] labels = new int[tokens.length];
                    Arrays.fill(labels, TrainingPack.IGNORED);
                    System.arraycopy(tokens, prompt.length, labels, prompt.length - 1, 5);
                    return Example.text("", new Sequence(tokens, labels));
                })
                .toList();
    }

    @Test
    void jobsLearnBehindTheInvocation() {
        FinetuneJob job = job(method(), List.of(style), examples(invocation()));
        Sequence prepared =
                job.prepared(job.training().get(0), true).sequences().get(0);
        assertThat(prepared.actsFrom()).containsExactly(0, 8);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        scenario.runDry();
        assertThat(sink.end())
                .isInstanceOfSatisfying(
                        JobOutcome.Succeeded.class,
                        outcome -> assertThat(outcome.adapter().invocation()).contains(INVOCATION));
    }

    @Test
    void whatCannotLearnIsRefused() {
        Rejection without = scenario.engine
                .submit(job(method(), List.of(), examples(new int[] {7, 8})), new RecordingJobSink())
                .orElseThrow();
        assertThat(without.message()).contains("example 1 has no token to learn behind the adapter's invocation");
        PeftMethod plain = Scenario.job("job", List.of(), List.of(), new Objective.Supervised(), 1, Cadence.ENDS)
                .method();
        Rejection above = scenario.engine
                .submit(job(plain, List.of(judge), examples(invocation())), new RecordingJobSink())
                .orElseThrow();
        assertThat(above.reason()).isEqualTo(Rejection.Reason.UNFIT_ADAPTER);
        assertThat(above.message()).contains("which acts from its invocation tokens on");
    }
}
