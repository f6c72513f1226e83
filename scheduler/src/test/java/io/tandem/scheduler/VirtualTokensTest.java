package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PrefixMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Virtual tokens take room before every text of their adapter; that they come first, and no others, the device checks. */
class VirtualTokensTest {
    private static final int CONTEXT = 200;
    private static final int VIRTUAL = 40;
    private static final KernelsConfig LIMITS = FakeDevice.limits(4, CONTEXT, 4);

    private final Scenario scenario = new Scenario(LIMITS, Scenario.CONFIG);
    private final AdapterVersion adapter = Scenario.prompt(1, VIRTUAL);
    private final Random random = new Random(1);

    private int[] tokens(int count) {
        return random.ints(count, 0, 1000).toArray();
    }

    private Optional<Rejection> submit(InferenceRequest request, RecordingSink sink) {
        return scenario.engine.submit(request, sink);
    }

    private int prefilled() {
        return scenario.reports.stream()
                .mapToInt(IterationReport::prefillTokens)
                .sum();
    }

    /** Whoever comes later copies them from a slot that has them, and no client sees them. */
    @Test
    void allRequestsOfAnAdapterShareThem() {
        RecordingSink[] sinks = Stream.generate(RecordingSink::new).limit(3).toArray(RecordingSink[]::new);
        AdapterVersion below = Scenario.version(2);
        InferenceRequest[] requests = new InferenceRequest[3];
        for (int i = 0; i < 3; i++) {
            requests[i] = Scenario.request(i, tokens(20), 10, adapter, below);
            assertThat(submit(requests[i], sinks[i])).isEmpty();
            scenario.engine.iterate();
        }
        scenario.runDry();
        assertThat(prefilled()).isEqualTo(VIRTUAL + 3 * 20);
        for (int i = 0; i < 3; i++) {
            assertThat(sinks[i].end().promptTokens()).isEqualTo(20);
            assertThat(sinks[i].end().cachedTokens()).isZero();
            assertThat(sinks[i].tokens())
                    .hasSize(10)
                    .isEqualTo(
                            Scenario.alone(requests[i], LIMITS, Scenario.CONFIG).tokens());
        }
    }

    @Test
    void theyCountAgainstTheContext() {
        int longest = CONTEXT - VIRTUAL - 1;
        RecordingSink sink = new RecordingSink();
        assertThat(submit(Scenario.request(1, tokens(longest), 10, adapter), sink))
                .isEmpty();
        scenario.runDry();
        assertThat(sink.tokens()).hasSize(1);
        Rejection rejection = submit(Scenario.request(2, tokens(longest + 1), 10, adapter), sink)
                .orElseThrow();
        assertThat(rejection.reason()).isEqualTo(Rejection.Reason.PROMPT_TOO_LONG);
        assertThat(rejection.message())
                .contains("160 tokens and the adapter puts 40 virtual ones before them", "may have 160");
    }

    @Test
    void aStackHasThoseOfOneAdapter() {
        InferenceRequest request = Scenario.request(1, tokens(9), 10, adapter, Scenario.prompt(2, 3));
        assertThat(submit(request, new RecordingSink()).orElseThrow().reason())
                .isEqualTo(Rejection.Reason.TOO_MANY_ADAPTERS);
        FinetuneJob job = job(new PromptMethod(new PromptConfig(3, "")), new Objective.Supervised(), texts());
        FinetuneJob above = new FinetuneJob(
                "job",
                "",
                job.method(),
                List.of(adapter),
                job.training(),
                List.of(),
                job.settings(),
                1,
                Optional.empty());
        assertThat(scenario.engine
                        .submit(above, new RecordingJobSink())
                        .orElseThrow()
                        .reason())
                .isEqualTo(Rejection.Reason.TOO_MANY_ADAPTERS);
    }

    static Stream<Objective> objectives() {
        return Stream.of(new Objective.Supervised(), new Objective.Preference(0.1));
    }

    /** The references of preferences are those of the model without them. */
    @ParameterizedTest
    @MethodSource("objectives")
    void jobsLearnThem(Objective objective) {
        List<Example> examples = objective.sequences() == 2 ? Scenario.pairs(random, 20) : texts();
        FinetuneJob job = job(new PromptMethod(new PromptConfig(8, "")), objective, examples);
        assertThat(run(job))
                .isInstanceOfSatisfying(
                        JobOutcome.Succeeded.class,
                        outcome -> assertThat(outcome.adapter().virtualTokens()).isEqualTo(8));
    }

    /** Below the trainee, under all examples or under some. */
    @Test
    void jobsLearnAboveThem() {
        FinetuneJob plain = Scenario.job("job", texts(), texts(), new Objective.Supervised(), 1, Cadence.ENDS);
        List<Example> controlled = plain.training().stream()
                .map(example -> random.nextBoolean() ? example.under(Optional.of(adapter)) : example)
                .toList();
        for (boolean all : new boolean[] {true, false}) {
            assertThat(plain.method()).isInstanceOf(LoraMethod.class);
            FinetuneJob above = new FinetuneJob(
                    "job",
                    "",
                    plain.method(),
                    all ? List.of(adapter) : List.of(),
                    all ? plain.training() : controlled,
                    plain.validation(),
                    plain.settings(),
                    1,
                    Optional.empty());
            assertThat(run(above)).isInstanceOf(JobOutcome.Succeeded.class);
        }
    }

    @Test
    void anExampleHasRoomForThem() {
        Example example = texts().get(0);
        int rows = example.rows();
        FinetuneJob job = job(
                new PromptMethod(new PromptConfig(CONTEXT - rows + 1, "")),
                new Objective.Supervised(),
                List.of(example));
        assertThat(scenario.engine
                        .submit(job, new RecordingJobSink())
                        .orElseThrow()
                        .message())
                .contains("has " + (CONTEXT + 1) + " tokens, at most " + CONTEXT);
    }

    /** Of keys and values nothing runs. */
    @Test
    void keysAndValuesTakePositionsAndNoRows() {
        Example example = texts().get(0);
        FinetuneJob job = prefixes(8, texts());
        assertThat(job.prepared(example, true).rows()).isEqualTo(example.rows());
        assertThat(job.before(example, true)).isEqualTo(8);
        assertThat(job.before(example, false)).isZero();
        assertThat(run(job))
                .isInstanceOfSatisfying(
                        JobOutcome.Succeeded.class,
                        outcome -> assertThat(outcome.adapter().virtualTokens()).isEqualTo(8));
        FinetuneJob tooLong = prefixes(CONTEXT - example.rows() + 1, List.of(example));
        assertThat(scenario.engine
                        .submit(tooLong, new RecordingJobSink())
                        .orElseThrow()
                        .message())
                .contains("has " + (CONTEXT + 1) + " tokens, at most " + CONTEXT);
    }

    private static FinetuneJob prefixes(int virtual, List<Example> examples) {
        return job(new PrefixMethod(new PrefixConfig(virtual, "")), new Objective.Supervised(), examples);
    }

    private List<Example> texts() {
        return Scenario.texts(random, 20);
    }

    private static FinetuneJob job(PeftMethod method, Objective objective, List<Example> examples) {
        FinetuneJob plain = Scenario.job("job", examples, examples, objective, 2, Cadence.ENDS);
        return new FinetuneJob("job", "", method, List.of(), examples, examples, plain.settings(), 1, Optional.empty());
    }

    private JobOutcome run(FinetuneJob job) {
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        scenario.runDry();
        return sink.end();
    }
}
