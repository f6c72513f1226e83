package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.JobStory;
import io.tandem.scheduler.testing.RecordingJobSink;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Jobs whose examples are under different frozen adapters. */
class ControlSimulationTest {
    private static final int CONTEXT = 96;

    private static RecordingJobSink run(FinetuneJob job, int packTokens) {
        KernelsConfig limits =
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, 4, CONTEXT, 512, 2, 8, packTokens, Stash.KEEP);
        Scenario scenario = new Scenario(limits, Scenario.CONFIG);
        RecordingJobSink sink = new RecordingJobSink();
        assertThat(scenario.engine.submit(job, sink)).isEmpty();
        scenario.runDry();
        assertThat(sink.end()).isInstanceOf(JobOutcome.Succeeded.class);
        return sink;
    }

    private static List<Example> examples(Random random, Objective objective, int count) {
        List<Example> plain =
                objective.sequences() == 2 ? Scenario.pairs(random, count) : Scenario.texts(random, count);
        return Scenario.controlled(random, plain, 4);
    }

    private static Objective objective(Random random) {
        return random.nextBoolean() ? new Objective.Preference(0.1) : new Objective.Supervised();
    }

    private static FinetuneJob under(FinetuneJob job, List<AdapterVersion> under) {
        return new FinetuneJob(
                job.id(),
                job.caller(),
                job.method(),
                under,
                job.training(),
                job.validation(),
                job.settings(),
                job.weight(),
                job.resumeFrom());
    }

    /** On the simulated device sums are exact, so not even rounding is left. */
    @Property(tries = 30)
    void whichExamplesShareAPackDoesNotChangeWhatIsLearned(@ForAll long seed) {
        Random random = new Random(seed);
        Objective objective = objective(random);
        FinetuneJob job = under(
                Scenario.job(
                        "job",
                        examples(random, objective, 40),
                        examples(random, objective, 20),
                        objective,
                        2,
                        new Cadence(0, false, 2, 0, false)),
                List.of(Scenario.version(5)).subList(0, random.nextInt(2)));
        assertThat(story(job, 256)).isEqualTo(story(job, 64));
    }

    private static JobStory story(FinetuneJob job, int packTokens) {
        JobStory story = new JobStory();
        story.add(run(job, packTokens));
        return story;
    }

    @Property(tries = 30)
    void everyExampleIsMeasuredUnderItsOwnControl(@ForAll long seed) {
        Random random = new Random(seed);
        Objective objective = objective(random);
        List<Example> training = examples(random, objective, 3);
        List<Example> validation = examples(random, objective, 20);
        FinetuneJob mixed = Scenario.job("mixed", training, validation, objective, 1, Cadence.ENDS);
        run(mixed, 128).measurements().get(0).lossByAbility().forEach((control, loss) -> {
            List<Example> its = validation.stream()
                    .filter(example -> example.ability().equals(control))
                    .toList();
            double alone = firstLoss(underAll(training, its, objective));
            assertThat(loss).isCloseTo(alone, within(1e-12));
        });
    }

    private static double firstLoss(FinetuneJob job) {
        return run(job, 256).measurements().get(0).loss();
    }

    /** A job that stands on the control of these validation examples as a whole. */
    private static FinetuneJob underAll(List<Example> training, List<Example> validation, Objective objective) {
        List<AdapterVersion> control = List.of(validation.get(0).control().orElseThrow());
        return under(Scenario.job("alone", plain(training), plain(validation), objective, 1, Cadence.ENDS), control);
    }

    private static List<Example> plain(List<Example> examples) {
        return examples.stream().map(example -> example.under(Optional.empty())).toList();
    }

    @Test
    void everyExampleIsLearnedUnderItsOwnControl() {
        Objective objective = new Objective.Supervised();
        List<Example> texts = examples(new Random(1), objective, 12);
        // A mini-batch has twelve examples, so this is one step.
        double sum = run(Scenario.job("job", texts, List.of(), objective, 1, Cadence.ENDS), 256)
                        .steps()
                        .get(0)
                        .loss()
                * learned(texts);
        double alone = 0;
        for (Example text : texts) {
            double loss = firstLoss(underAll(texts, List.of(text), objective));
            alone += loss * learned(List.of(text));
        }
        assertThat(sum).isCloseTo(alone, within(1e-9));
        FinetuneJob without = Scenario.job("job", plain(texts), List.of(), objective, 1, Cadence.ENDS);
        assertThat(run(without, 256).steps().get(0).loss() * learned(texts)).isNotCloseTo(alone, within(1e-9));
    }

    private static int learned(List<Example> examples) {
        return examples.stream().mapToInt(Example::learnedTokens).sum();
    }

    @Test
    void aControlCountsAsOneOfTheAdaptersBelow() {
        List<Example> texts = examples(new Random(1), new Objective.Supervised(), 5);
        FinetuneJob job = Scenario.job("job", texts, List.of(), new Objective.Supervised(), 1, Cadence.ENDS);
        FinetuneJob tall = under(job, List.of(Scenario.version(1), Scenario.version(2)));
        Scenario scenario = new Scenario(FakeDevice.limits(4, CONTEXT, 1), Scenario.CONFIG);
        assertThat(scenario.engine
                        .submit(tall, new RecordingJobSink())
                        .orElseThrow()
                        .reason())
                .isEqualTo(Rejection.Reason.TOO_MANY_ADAPTERS);
    }
}
