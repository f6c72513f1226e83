package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job while it trains: a succession of packs, each of which has the device's training arena to itself until it is
 * done. Preferences first measure their references; then mini-batches alternate with measurements of the validation
 * examples. The trainee changes only in the optimizer step after a mini-batch's last pack, so whatever happens before,
 * the state after the last step is at hand, and a job that goes on from there repeats no more than one mini-batch.
 */
public final class FinetuneRun {
    private static final Logger LOG = LoggerFactory.getLogger(FinetuneRun.class);
    private static final double NANOS_PER_SECOND = 1e9;

    private enum Phase {
        REFERENCES,
        VALIDATION,
        STEP
    }

    private final FinetuneJob job;
    private final JobSink sink;
    private final DeviceModel device;
    private final OptionalInt slot;
    private final LongSupplier nanoTime;
    private final List<Example> all;
    private final MiniBatches batches;
    private final ValidationHistory history;
    private Phase phase = Phase.REFERENCES;
    private PackedExamples work;
    private @Nullable PackCursor cursor;
    private List<Double> references;
    private int step;
    private int checkpointed;
    private long trainedTokens;
    private Scores trained;
    private long stepStart;
    private boolean pausing;
    private boolean updating;
    private boolean ended;

    /**
     * Opens the trainee in the slot, which the caller has reserved.
     *
     * @param slot empty if the job only measures
     * @throws IllegalArgumentException if the device refuses the trainee, or the checkpoint is one of another job
     */
    public FinetuneRun(FinetuneJob job, JobSink sink, DeviceModel device, OptionalInt slot, LongSupplier nanoTime) {
        this.job = job;
        this.sink = sink;
        this.device = device;
        this.slot = slot;
        this.nanoTime = nanoTime;
        this.all = Stream.concat(job.training().stream(), job.validation().stream())
                .toList();
        Optional<JobCheckpoint> from = job.resumeFrom();
        from.ifPresent(this::check);
        this.step = from.map(JobCheckpoint::step).orElse(0);
        this.checkpointed = step;
        this.trainedTokens = from.map(JobCheckpoint::trainedTokens).orElse(0L);
        this.trained = from.map(JobCheckpoint::trained).orElse(Scores.NONE);
        this.references = from.map(JobCheckpoint::references).orElse(List.of());
        this.history = new ValidationHistory(job.settings().cadence(), from);
        this.batches = new MiniBatches(job, step);
        slot.ifPresent(this::openTrainee);
        this.work = packed(everything(), Purpose.MEASURE);
        tell(sink::start);
        if (!needsReferences()) {
            settle();
        }
    }

    private void openTrainee(int at) {
        OptimizerConfig optimizer = job.settings().optimizer();
        job.resumeFrom()
                .ifPresentOrElse(
                        from -> device.openTrainee(at, from.adapter(), optimizer, from.optimizer()),
                        () -> device.openTrainee(
                                at,
                                LoraInitializer.initialize(
                                        job.lora(),
                                        device.model(),
                                        job.settings().seed()),
                                optimizer));
    }

    private void check(JobCheckpoint checkpoint) {
        int expected = job.settings().objective() instanceof Objective.Preference ? all.size() : 0;
        if (checkpoint.references().size() != expected || checkpoint.step() > job.totalSteps()) {
            throw new IllegalArgumentException("the checkpoint of step " + checkpoint.step() + " with "
                    + checkpoint.references().size() + " references is not one of this job, which has "
                    + job.totalSteps() + " steps and " + expected + " references");
        }
    }

    private List<Integer> everything() {
        return IntStream.range(0, all.size()).boxed().toList();
    }

    private PackedExamples packed(List<Integer> indices, Purpose purpose) {
        return new PackedExamples(
                all,
                indices,
                job.settings().objective().sequences(),
                purpose,
                device.limits().packTokens());
    }

    private boolean needsReferences() {
        return job.settings().objective() instanceof Objective.Preference && references.isEmpty();
    }

    public FinetuneJob job() {
        return job;
    }

    /** The trainee's; empty if the job only measures. */
    public OptionalInt slot() {
        return slot;
    }

    private int trainee() {
        return slot.orElseThrow();
    }

    public boolean ended() {
        return ended;
    }

    /** What lies below the trainee in the next pack, the lowest first. */
    public List<AdapterVersion> frozen() {
        return Stream.concat(job.under().stream(), work.next().control().stream())
                .toList();
    }

    /**
     * Lays the next pack into the device's training arena.
     *
     * @param frozenSlots where the {@link #frozen} adapters are
     * @return its rows
     */
    public int beginPack(int[] frozenSlots) {
        PackCursor next = new PackCursor(work.next().training(), device.model().layers());
        int[] slots = frozenSlots;
        if (phase != Phase.REFERENCES && job.trains()) {
            slots = Arrays.copyOf(frozenSlots, frozenSlots.length + 1);
            slots[frozenSlots.length] = trainee();
        }
        if (phase == Phase.STEP && work.untouched()) {
            stepStart = nanoTime.getAsLong();
        }
        device.beginPack(slots, next.pack());
        cursor = next;
        return next.rows();
    }

    private PackCursor cursor() {
        if (cursor == null) {
            throw new IllegalStateException("job " + job.id() + " has no pack on the device");
        }
        return cursor;
    }

    /** Whether the next window of its pack goes forward. */
    public boolean forward() {
        return cursor().forwardRows() > 0;
    }

    /** Rows of its pack that have not gone forward. */
    public int forwardRows() {
        return cursor().forwardRows();
    }

    /** Rows times layers of its pack that have not gone backward. */
    public long backwardRowLayers() {
        return cursor().backwardRowLayers();
    }

    /** Rows of its pack. */
    public int rows() {
        return cursor().rows();
    }

    /** Layers of the model. */
    public int layers() {
        return device.model().layers();
    }

    /** Whether nothing of the next optimizer step, or measurement, has gone forward. */
    public boolean betweenSteps() {
        return work.untouched() && cursor().forwardRows() == cursor().rows();
    }

    /** The next forward window. */
    public TrainingWork forwardWork(int rows) {
        return cursor().forwardWork(rows);
    }

    /** The next backward windows, this many rows times layers together. */
    public TrainingWork backwardWork(long rowLayers) {
        return cursor().backwardWork(rowLayers);
    }

    /** Takes in what an iteration with this work gave; true if the pack, or the whole job, is done. */
    public boolean apply(TrainingWork done, IterationOutputs outputs) {
        PackCursor pack = cursor();
        pack.apply(done, outputs);
        SequenceScores scores = pack.scores();
        // Nothing is spoiled by a measurement: its loss is told as it is.
        if (job.trains() && !DoubleStream.of(scores.losses()).allMatch(Double::isFinite)) {
            fail("the loss is not a finite number "
                    + (phase == Phase.STEP ? "in step " + (step + 1) : "after step " + step));
            return true;
        }
        boolean wentForward = done.forwardTo() > done.forwardFrom() && pack.forwardRows() == 0;
        if (wentForward
                && phase == Phase.STEP
                && job.settings().objective() instanceof Objective.Preference preference) {
            device.scaleSequences(factors(preference.beta(), scores));
        }
        if (!pack.done()) {
            return false;
        }
        work.add(scores);
        cursor = null;
        if (work.done()) {
            complete();
        }
        return true;
    }

    /** Before the first step the new adapter changes nothing, so only what it stands on can have overflowed. */
    private void fail(String what) {
        List<AdapterVersion> frozen = work.done() ? job.under() : frozen();
        String below = frozen.stream().map(AdapterVersion::reference).collect(Collectors.joining(" and "));
        String remedy;
        if (step > 0) {
            remedy = "try a lower learning rate" + (below.isEmpty() ? "" : ", or train without " + below);
        } else if (below.isEmpty()) {
            remedy = "the base model overflows on these examples";
        } else {
            remedy = "the weights of " + below + ", which the job trains on top of, are too large";
        }
        finish(new JobOutcome.Failed(what + "; " + remedy));
    }

    private double[] factors(double beta, SequenceScores scores) {
        int at = work.byExample().size();
        double[] factors = new double[scores.losses().length];
        int next = 0;
        for (SequenceScores pair : work.split(scores)) {
            double reference = references.get(work.indices().get(at++));
            double slope = PreferenceLoss.slope(beta, PreferenceLoss.margin(beta, pair.losses(), reference));
            factors[next++] = slope;
            factors[next++] = -slope;
        }
        return factors;
    }

    private void complete() {
        if (phase == Phase.REFERENCES) {
            references = measuredReferences();
            settle();
        } else if (phase == Phase.VALIDATION) {
            Measured measured = measured();
            history.add(measured, () -> device.snapshot(trainee()));
            tell(() -> sink.measured(measured));
            settle();
        } else if (optimizerStep()) {
            settle();
        }
    }

    private List<Double> measuredReferences() {
        Double[] measured = new Double[all.size()];
        List<SequenceScores> scores = work.byExample();
        for (int at = 0; at < measured.length; at++) {
            double[] pair = scores.get(at).losses();
            measured[work.indices().get(at)] = pair[0] - pair[1];
        }
        return List.of(measured);
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

    private Measured measured() {
        List<Integer> positions =
                IntStream.range(0, work.indices().size()).boxed().toList();
        SortedMap<String, Double> byAbility = new TreeMap<>();
        job.validation().stream().map(Example::ability).distinct().forEach(ability -> {
            List<Integer> of = positions.stream()
                    .filter(at -> all.get(work.indices().get(at)).ability().equals(ability))
                    .toList();
            byAbility.put(ability, tally(of).scores().loss());
        });
        return new Measured(step, tally(positions).scores(), byAbility);
    }

    private boolean optimizerStep() {
        ScoreTally tally =
                tally(IntStream.range(0, work.indices().size()).boxed().toList());
        FinetuneJob.Settings settings = job.settings();
        double rate =
                settings.learningRate() * settings.schedule().factor(step, settings.warmupSteps(), job.totalSteps());
        updating = true;
        double norm = device.optimizerStep(trainee(), rate, 1.0 / tally.count());
        updating = false;
        if (!Double.isFinite(norm)) {
            fail("the update is not finite in step " + (step + 1));
            return false;
        }
        step++;
        trainedTokens += work.rows();
        trained = tally.scores();
        StepReport report = new StepReport(
                step,
                job.totalSteps(),
                trained,
                rate,
                norm,
                work.rows(),
                trainedTokens,
                (nanoTime.getAsLong() - stepStart) / NANOS_PER_SECOND);
        tell(() -> sink.step(report));
        return true;
    }

    /** No step is under way: decides what comes next. */
    private void settle() {
        if (pausing) {
            suspend();
        } else if (!job.validation().isEmpty() && history.due(step, job.totalSteps())) {
            phase = Phase.VALIDATION;
            work = packed(
                    IntStream.range(job.training().size(), all.size()).boxed().toList(), Purpose.MEASURE);
        } else {
            checkpointIfDue();
            if (step == job.totalSteps() || history.exhausted()) {
                succeed();
            } else {
                phase = Phase.STEP;
                work = packed(batches.next(), Purpose.LEARN);
            }
        }
    }

    private void checkpointIfDue() {
        FinetuneJob.Cadence cadence = job.settings().cadence();
        boolean due = (cadence.checkpointEvery() > 0 && step % cadence.checkpointEvery() == 0)
                || (cadence.checkpointEpochs() && step % job.stepsPerEpoch() == 0);
        if (due && step > checkpointed) {
            checkpointed = step;
            JobCheckpoint checkpoint = checkpoint();
            tell(() -> sink.checkpoint(checkpoint));
        }
    }

    private JobCheckpoint checkpoint() {
        return new JobCheckpoint(
                step,
                device.snapshot(trainee()),
                device.optimizerState(trainee()),
                history.best(),
                history.smallest(),
                history.withoutGain(),
                references,
                trainedTokens,
                trained,
                history.last());
    }

    private void succeed() {
        if (!job.trains()) {
            finish(new JobOutcome.OnlyMeasured());
            return;
        }
        boolean early = step < job.totalSteps();
        Optional<Best> best = history.best();
        finish(new JobOutcome.Succeeded(
                best.map(Best::adapter).orElseGet(() -> device.snapshot(trainee())),
                best.map(Best::step).orElse(step),
                early));
    }

    /** Suspends the job when its step ends, or at once if none is under way. */
    public void pause() {
        if (phase == Phase.STEP && (cursor != null || !work.untouched())) {
            pausing = true;
        } else {
            suspend();
        }
    }

    /** Suspends the job as it was after its last step. */
    public void suspend() {
        finish(new JobOutcome.Suspended(afterLastStep()));
    }

    private Optional<JobCheckpoint> afterLastStep() {
        boolean untrained = needsReferences() || !job.trains();
        return untrained ? job.resumeFrom() : Optional.of(checkpoint());
    }

    /**
     * Frees the trainee without a word to the receiver.
     *
     * @return the job, to go on after its last step
     */
    public FinetuneJob withdraw() {
        FinetuneJob rest = job.from(afterLastStep());
        close();
        return rest;
    }

    /** Whether the device failed within an update, which may have changed half of the weights. */
    public boolean updating() {
        return updating;
    }

    /** Whether it has finished a step. */
    public boolean advanced() {
        return step > job.resumeFrom().map(JobCheckpoint::step).orElse(0);
    }

    public JobSink sink() {
        return sink;
    }

    /** Ends the job and frees the trainee; only the first end counts. */
    public void finish(JobOutcome outcome) {
        if (!ended) {
            close();
            tell(() -> sink.finish(outcome));
        }
    }

    private void close() {
        ended = true;
        cursor = null;
        slot.ifPresent(device::closeTrainee);
    }

    /** A receiver that fails must not take the engine with it. */
    private void tell(Runnable message) {
        try {
            message.run();
        } catch (RuntimeException e) {
            LOG.error("the receiver of job {} failed", job.id(), e);
        }
    }
}
