package io.tandem.scheduler.finetune;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.LearningRun;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.Found;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a job does next, given what its examples scored so far; it knows no device. Preferences first measure their
 * references; then mini-batches alternate with measurements of the validation examples.
 */
final class TrainingCourse {
    /** What the scores of the work are for. */
    enum Phase {
        REFERENCES,
        VALIDATION,
        PROBE,
        EXAMINATION,
        STEP
    }

    private final FinetuneJob job;
    private final int packTokens;
    private final List<Example> all;
    private final MiniBatches batches;
    private final ValidationHistory history;
    private final LearningRun learning;
    private Phase phase = Phase.REFERENCES;
    private LearningPlan plan = LearningPlan.EVERYTHING;
    private PackedExamples work;
    private List<Double> references;
    private int step;
    private int checkpointed;
    private long trainedTokens;
    private Scores trained;
    private Trajectories trajectories;

    /**
     * @param packTokens most rows of a pack
     * @param layers of the model
     * @throws IllegalArgumentException if the checkpoint is one of another job
     */
    TrainingCourse(FinetuneJob job, int packTokens, int layers) {
        this.job = job;
        this.packTokens = packTokens;
        this.all = Stream.concat(job.training().stream(), job.validation().stream())
                .toList();
        Optional<JobCheckpoint> from = job.resumeFrom();
        from.ifPresent(this::check);
        this.step = from.map(JobCheckpoint::step).orElse(0);
        this.checkpointed = step;
        this.trainedTokens = from.map(JobCheckpoint::trainedTokens).orElse(0L);
        this.trained = from.map(JobCheckpoint::trained).orElse(Scores.NONE);
        this.references = from.map(JobCheckpoint::references).orElse(List.of());
        this.trajectories = from.map(JobCheckpoint::trajectories).orElse(Trajectories.NONE);
        this.history = new ValidationHistory(job.settings().cadence(), from);
        this.batches = new MiniBatches(job, step);
        this.learning = job.settings()
                .learning()
                .start(
                        new LearningPolicy.Setting(
                                layers,
                                job.training().size(),
                                job.totalSteps(),
                                job.settings().seed()),
                        from.map(JobCheckpoint::learning).orElse(LearningState.NONE));
        this.work = packed(IntStream.range(0, all.size()), Purpose.MEASURE);
    }

    private void check(JobCheckpoint checkpoint) {
        int expected = job.settings().objective() instanceof Objective.Preference ? all.size() : 0;
        if (checkpoint.references().size() != expected || checkpoint.step() > job.totalSteps()) {
            throw new IllegalArgumentException("the checkpoint of step " + checkpoint.step() + " with "
                    + checkpoint.references().size() + " references is not one of this job, which has "
                    + job.totalSteps() + " steps and " + expected + " references");
        }
        for (List<Double> losses : checkpoint.trajectories().losses()) {
            if (losses.size() != job.training().size()) {
                throw new IllegalArgumentException("the checkpoint of step " + checkpoint.step() + " has the losses of "
                        + losses.size() + " examples, so it is not one of this job, which has "
                        + job.training().size());
            }
        }
    }

    private PackedExamples packed(IntStream indices, Purpose purpose) {
        // References are those of what lies below the trainee.
        boolean learned = phase != Phase.REFERENCES && job.trains();
        return new PackedExamples(
                index -> job.prepared(all.get(index), learned),
                indices.boxed().toList(),
                job.settings().objective().sequences(),
                purpose,
                packTokens);
    }

    Phase phase() {
        return phase;
    }

    /** The examples that go through the device now. */
    PackedExamples work() {
        return work;
    }

    /** Finished optimizer steps. */
    int step() {
        return step;
    }

    boolean needsReferences() {
        return job.settings().objective() instanceof Objective.Preference && references.isEmpty();
    }

    /** What lies below the trainee in the next pack, the lowest first. */
    List<AdapterVersion> frozen() {
        return Stream.concat(job.under().stream(), work.next().control().stream())
                .toList();
    }

    /** Whether the validation examples are due; then they are the work. */
    boolean beginValidation() {
        boolean due = !job.validation().isEmpty() && history.due(step, job.lastStep());
        if (due) {
            phase = Phase.VALIDATION;
            plan = learning.measuring(step);
            work = packed(IntStream.range(job.training().size(), all.size()), Purpose.MEASURE);
        }
        return due;
    }

    /** Whether the loss of each training example is to be known now; then they are the work. */
    boolean beginExamination() {
        boolean due = trajectories.due(
                step, job.totalSteps(), job.settings().cadence().examinations());
        if (due) {
            phase = Phase.EXAMINATION;
            plan = learning.measuring(step);
            work = packed(IntStream.range(0, job.training().size()), Purpose.MEASURE);
        }
        return due;
    }

    /** Whether what learns in the next step depends on examples that are to be measured; then they are the work. */
    boolean beginProbe() {
        Optional<LearningRun.Probe> probe = learning.probe(step);
        probe.ifPresent(wanted -> {
            phase = Phase.PROBE;
            plan = wanted.plan();
            work = packed(wanted.examples().stream().mapToInt(index -> index), Purpose.MEASURE);
        });
        return probe.isPresent();
    }

    /** What the trainee does in the packs of the work. */
    LearningPlan plan() {
        return plan;
    }

    /** The next mini-batch is the work. */
    void beginStep() {
        phase = Phase.STEP;
        plan = learning.plan(step);
        work = packed(batches.next().stream().mapToInt(index -> index), Purpose.LEARN);
    }

    boolean finished() {
        return step >= job.lastStep() || history.exhausted();
    }

    /** Whether a checkpoint of this step is due; once only. */
    boolean takeCheckpointDue() {
        FinetuneJob.Cadence cadence = job.settings().cadence();
        boolean wanted = (cadence.checkpointEvery() > 0 && step % cadence.checkpointEvery() == 0)
                || (cadence.checkpointEpochs() && step % job.stepsPerEpoch() == 0)
                || ((cadence.examinations() > 0 || cadence.end() > 0) && finished());
        boolean due = wanted && step > checkpointed;
        checkpointed = due ? step : checkpointed;
        return due;
    }

    /**
     * What makes the scores of a pack useless; empty if nothing does. A measurement spoils nothing, so a job that only
     * measures tells its loss as it is.
     */
    Optional<String> fault(SequenceScores scores) {
        if (!job.trains() || DoubleStream.of(scores.losses()).allMatch(Double::isFinite)) {
            return Optional.empty();
        }
        return Optional.of("the loss is not a finite number "
                + (phase == Phase.STEP ? "in step " + (step + 1) : "after step " + step) + "; " + remedy());
    }

    /** Before the first step the new adapter changes nothing, so only what it stands on can have overflowed. */
    String remedy() {
        List<AdapterVersion> frozen = work.done() ? job.under() : frozen();
        String below = frozen.stream().map(AdapterVersion::reference).collect(Collectors.joining(" and "));
        if (step > 0) {
            return "try a lower learning rate" + (below.isEmpty() ? "" : ", or train without " + below);
        }
        return below.isEmpty()
                ? "the base model overflows on these examples"
                : "the weights of " + below + ", which the job trains on top of, are too large";
    }

    /** What multiplies the gradient of each sequence of the pack in work, if the objective looks at whole sequences. */
    Optional<double[]> factors(SequenceScores scores) {
        if (phase != Phase.STEP || !(job.settings().objective() instanceof Objective.Preference preference)) {
            return Optional.empty();
        }
        int at = work.byExample().size();
        double[] factors = new double[scores.losses().length];
        int next = 0;
        for (SequenceScores pair : work.split(scores)) {
            double reference = references.get(work.indices().get(at++));
            double margin = PreferenceLoss.margin(preference.beta(), pair.losses(), reference);
            double slope = PreferenceLoss.slope(preference.beta(), margin);
            factors[next++] = slope;
            factors[next++] = -slope;
        }
        return Optional.of(factors);
    }

    /** Takes in the references that the finished work measured. */
    void addReferences() {
        Double[] measured = new Double[all.size()];
        List<SequenceScores> scores = work.byExample();
        for (int at = 0; at < measured.length; at++) {
            double[] pair = scores.get(at).losses();
            measured[work.indices().get(at)] = pair[0] - pair[1];
        }
        references = List.of(measured);
    }

    /**
     * Takes in the validation losses that the finished work measured.
     *
     * @param adapter the weights that were measured; asked for if they are the best so far and worth keeping
     */
    Measured addMeasurement(Supplier<Adapter> adapter) {
        List<Integer> positions =
                IntStream.range(0, work.indices().size()).boxed().toList();
        SortedMap<String, Double> byAbility = new TreeMap<>();
        job.validation().stream().map(Example::ability).distinct().forEach(ability -> {
            List<Integer> of = positions.stream()
                    .filter(at -> all.get(work.indices().get(at)).ability().equals(ability))
                    .toList();
            byAbility.put(ability, tally(of).scores().loss());
        });
        Measured measured = new Measured(step, tally(positions).scores(), byAbility);
        history.add(measured, () -> served(adapter.get()));
        return measured;
    }

    /** Takes in what the finished work says of what should learn. */
    Optional<Found> addProbe() {
        return learning.probed(tally().scores().loss()).map(finding -> new Found(step, finding));
    }

    /** Takes in the losses of the training examples that the finished work measured. */
    Trajectories addExamination() {
        Double[] losses = new Double[job.training().size()];
        List<SequenceScores> scores = work.byExample();
        for (int at = 0; at < losses.length; at++) {
            int index = work.indices().get(at);
            losses[index] =
                    scores.get(at).losses()[0] / Math.max(1, all.get(index).learnedTokens());
        }
        trajectories = trajectories.with(List.of(losses));
        return trajectories;
    }

    /** Examples of the finished work, added up. */
    private ScoreTally tally(List<Integer> positions) {
        ScoreTally tally = new ScoreTally(job.settings().objective());
        List<SequenceScores> scores = work.byExample();
        for (int at : positions) {
            int index = work.indices().get(at);
            tally.add(all.get(index), scores.get(at), references.isEmpty() ? 0 : references.get(index));
        }
        return tally;
    }

    /** Of all examples of the finished work. */
    ScoreTally tally() {
        return tally(IntStream.range(0, work.indices().size()).boxed().toList());
    }

    /** Of the next optimizer step. */
    double learningRate() {
        FinetuneJob.Settings settings = job.settings();
        return !plan.updates()
                ? 0
                : settings.learningRate() * settings.schedule().factor(step, settings.warmupSteps(), job.totalSteps());
    }

    /**
     * The optimizer has made the step of the finished mini-batch.
     *
     * @param norm of its gradient
     * @param seconds that it took
     */
    StepReport addStep(ScoreTally tally, double norm, double seconds) {
        double rate = learningRate();
        step++;
        trainedTokens += work.rows();
        trained = tally.scores();
        return new StepReport(step, job.totalSteps(), trained, rate, norm, work.rows(), trainedTokens, seconds, plan);
    }

    /** What the trainee goes on as after the last step, if not as it is. */
    Optional<UnaryOperator<Adapter>> stepped(SortedMap<Site, Estimate> estimates) {
        return learning.stepped(step, estimates);
    }

    /** What is served of the adapter as it is after the last step. */
    Adapter served(Adapter trained) {
        return learning.pruned(trained, step).orElse(trained);
    }

    /** The best adapter so far, if the job keeps it. */
    Optional<Best> best() {
        return history.best();
    }

    JobCheckpoint checkpoint(Adapter adapter, OptimizerState optimizer) {
        return new JobCheckpoint(
                step,
                adapter,
                learning.pruned(adapter, step),
                optimizer,
                history.best(),
                history.smallest(),
                history.withoutGain(),
                references,
                trainedTokens,
                trained,
                history.last(),
                learning.state(),
                trajectories);
    }
}
