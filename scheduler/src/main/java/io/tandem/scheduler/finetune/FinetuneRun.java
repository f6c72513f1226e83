package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.FullModules;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.Pruned;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.scheduler.finetune.TrainingCourse.Phase;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job while it trains: a {@linkplain TrainingCourse succession} of packs, one after the other in the training arena,
 * beside those of other jobs or alone. The trainee changes only in the optimizer step after a mini-batch's last pack, so whatever
 * happens before, the state after the last step is at hand, and a job that goes on from there repeats no more than one
 * mini-batch.
 */
public final class FinetuneRun {
    private static final Logger LOG = LoggerFactory.getLogger(FinetuneRun.class);
    private static final double NANOS_PER_SECOND = 1e9;

    private FinetuneJob job;
    private final JobSink sink;
    private final DeviceModel device;
    private final OptionalInt slot;
    private final LongSupplier nanoTime;
    private final TrainingCourse course;
    private final Optional<GrowingRanks> growing;
    private @Nullable PackRun pack;
    private long stepStart;
    private @Nullable Step step;
    private boolean preparing;
    private boolean pausing;
    private boolean pruning;
    private boolean ended;

    /** An optimizer step from the end of its last pack until all that belongs to it is done. */
    private record Step(ScoreTally tally, SortedMap<Site, Estimate> estimates) {}

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
        this.course = new TrainingCourse(
                job.started(), device.limits().packTokens(), device.model().layers());
        this.growing = slot.isPresent() ? GrowingRanks.of(job, device, slot.getAsInt()) : Optional.empty();
        slot.ifPresent(at -> openTrainee(at, job.start()));
        if (!course.needsReferences()) {
            // There is a state to go on from, which needs no start.
            this.job = job.started();
        }
        tell(sink::start);
        if (!course.needsReferences()) {
            settle();
        }
    }

    private OptimizerConfig optimizer() {
        FinetuneJob.Settings settings = job.settings();
        return settings.learning().takesTurns() ? settings.optimizer().withLayers() : settings.optimizer();
    }

    private void openTrainee(int at, Optional<PreparedAdapter> prepared) {
        OptimizerConfig optimizer = optimizer();
        // Absent after a failure of the device only.
        PreparedAdapter start = prepared.orElseGet(() -> device.prepare(job.initialAdapter(device.model())));
        job.resumeFrom()
                .ifPresentOrElse(
                        from -> device.openTrainee(at, start, optimizer, from.optimizer()),
                        () -> device.openTrainee(at, start, optimizer));
        preparing = true;
    }

    /** Whether the device has something to do before the trainee has a pack: its first numbers, or those of a step. */
    public boolean preparing() {
        return preparing;
    }

    /** Lets the device do it for about so long. If that ends a step, decides what comes next. */
    public void prepare(long nanos) {
        if (preparing && device.proceed(trainee(), nanos)) {
            preparing = false;
            if (step != null) {
                endStep(step);
            }
        }
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
        return course.frozen();
    }

    /** Whether its packs share no window with others: their rows have weights of their own, or go through other layers. */
    public boolean goesAlone() {
        return job.method().makesBase()
                || job.settings().learning().goesAlone()
                || !job.method().fullModules().isEmpty()
                || FullModules.count(frozen()) > 0
                || frozen().stream()
                        .anyMatch(version -> !version.adapter().skipped().isEmpty());
    }

    /** Rows of the next pack. */
    public int nextRows() {
        return course.work().next().training().rows();
    }

    /**
     * Lays the next pack into the training arena.
     *
     * @param frozenSlots where the {@link #frozen} adapters are
     */
    public void beginPack(TrainingArena arena, int[] frozenSlots) {
        int[] slots = frozenSlots;
        if (course.phase() != Phase.REFERENCES && job.trains()) {
            slots = Arrays.copyOf(frozenSlots, frozenSlots.length + 1);
            slots[frozenSlots.length] = trainee();
            if (ranks() > 0) {
                device.useRanks(trainee(), ranks());
            }
            device.learn(trainee(), course.plan());
        }
        if (course.phase() == Phase.STEP && course.work().untouched()) {
            stepStart = nanoTime.getAsLong();
        }
        pack = arena.lay(slots, course.work().next().training());
    }

    /** What a step draws is for its own rows; what is measured is what will be served. 0 if the device knows by itself. */
    private int ranks() {
        if (growing.isPresent()) {
            return 0;
        }
        return course.phase() == Phase.STEP
                ? job.method().ranks(job.settings().seed(), course.step())
                : job.method().config().rank();
    }

    private PackRun pack() {
        if (pack == null) {
            throw new IllegalStateException("job " + job.id() + " has no pack on the device");
        }
        return pack;
    }

    /** Whether nothing of the next optimizer step, or measurement, has gone forward. */
    public boolean betweenSteps() {
        return course.work().untouched() && pack().progress().untouched();
    }

    /**
     * Takes in what an iteration gave its pack.
     *
     * @return tokens that were trained: half of each is its way forward, the other half its way back through all layers
     */
    public double receive(IterationOutputs outputs) {
        PackRun current = pack();
        current.apply(outputs);
        double backward = (double) current.backwardRowLayers() / device.model().layers();
        return (current.forwardRows() + backward) / 2;
    }

    /** Goes on from what was received; true if the pack, or the whole job, is done. */
    public boolean proceed() {
        PackRun current = pack();
        Optional<String> fault = course.fault(current.scores());
        if (fault.isPresent()) {
            finish(new JobOutcome.Failed(fault.get()));
            return true;
        }
        if (current.forwardEnds()) {
            course.factors(current.scores()).ifPresent(current::scale);
        }
        if (!current.progress().done()) {
            return false;
        }
        course.work().add(current.scores());
        pack = null;
        if (course.work().done()) {
            complete();
        }
        return true;
    }

    private void complete() {
        switch (course.phase()) {
            case REFERENCES -> {
                course.addReferences();
                job = job.started();
            }
            case VALIDATION -> {
                Measured measured = course.addMeasurement(() -> device.snapshot(trainee()));
                tell(() -> sink.measured(measured));
            }
            case PROBE -> course.addProbe().ifPresent(found -> tell(() -> sink.found(found)));
            case EXAMINATION -> {
                Trajectories trajectories = course.addExamination();
                tell(() -> sink.examined(trajectories));
            }
            case STEP -> {
                beginStep();
                return;
            }
        }
        settle();
    }

    private void beginStep() {
        ScoreTally tally = course.tally();
        double lossScale = 1.0 / tally.count();
        step = new Step(
                tally,
                course.plan().estimates() ? device.estimates(trainee(), lossScale) : Collections.emptySortedMap());
        device.beginStep(trainee(), course.learningRate(), lossScale);
        preparing = true;
    }

    private void endStep(Step ending) {
        double norm = device.endStep(trainee());
        if (!Double.isFinite(norm)) {
            finish(new JobOutcome.Failed(
                    "the update is not finite in step " + (course.step() + 1) + "; " + course.remedy()));
            return;
        }
        double seconds = (nanoTime.getAsLong() - stepStart) / NANOS_PER_SECOND;
        StepReport report = course.addStep(ending.tally(), norm, seconds);
        step = null;
        tell(() -> sink.step(report));
        growing.flatMap(ranks -> ranks.after(course.step())).ifPresent(grown -> {
            preparing = true;
            tell(() -> sink.grew(grown));
        });
        course.stepped(ending.estimates()).ifPresent(this::prune);
        settle();
    }

    private void prune(UnaryOperator<Adapter> pruning) {
        // If the device fails in the middle there is nothing to go on from.
        this.pruning = true;
        Adapter before = device.snapshot(trainee());
        Adapter now = pruning.apply(before);
        device.closeTrainee(trainee());
        device.openTrainee(trainee(), device.prepare(now), optimizer());
        this.pruning = false;
        preparing = true;
        Pruned pruned = Pruned.of(course.step(), before, now);
        tell(() -> sink.pruned(pruned));
    }

    /** No step is under way: decides what comes next. */
    private void settle() {
        if (pausing) {
            suspend();
        } else if (!course.beginValidation() && !course.beginExamination()) {
            if (course.takeCheckpointDue()) {
                JobCheckpoint checkpoint = checkpoint();
                tell(() -> sink.checkpoint(checkpoint));
            }
            if (course.finished()) {
                succeed();
            } else if (!course.beginProbe()) {
                course.beginStep();
            }
        }
    }

    private JobCheckpoint checkpoint() {
        OptimizerState state = device.optimizerState(trainee());
        return course.checkpoint(
                device.snapshot(trainee()),
                growing.map(ranks -> ranks.with(state)).orElse(state));
    }

    private void succeed() {
        if (!job.trains()) {
            finish(new JobOutcome.OnlyMeasured());
            return;
        }
        boolean early = course.step() < job.lastStep();
        Optional<Best> best = course.best();
        finish(new JobOutcome.Succeeded(
                best.map(Best::adapter).orElseGet(() -> course.served(device.snapshot(trainee()))),
                best.map(Best::step).orElse(course.step()),
                early));
    }

    /** Suspends the job when its step ends, or at once if none is under way. */
    public void pause() {
        if (course.phase() == Phase.STEP && (pack != null || !course.work().untouched())) {
            pausing = true;
        } else {
            suspend();
        }
    }

    /** Whether it will be suspended when its step ends. */
    public boolean pausing() {
        return pausing;
    }

    /** Suspends the job as it was after its last step, which is finished if it is under way. */
    public void suspend() {
        if (step != null) {
            pausing = true;
            prepare(Long.MAX_VALUE);
            return;
        }
        finish(new JobOutcome.Suspended(afterLastStep()));
    }

    private Optional<JobCheckpoint> afterLastStep() {
        boolean untrained = course.needsReferences() || !job.trains();
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

    /** Whether an update is under way, which may have changed half of the weights if the device fails. */
    public boolean updating() {
        return step != null || pruning;
    }

    /** Whether it has finished a step. */
    public boolean advanced() {
        return course.step() > job.resumeFrom().map(JobCheckpoint::step).orElse(0);
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
        preparing = false;
        if (pack != null) {
            pack.drop();
            pack = null;
        }
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
