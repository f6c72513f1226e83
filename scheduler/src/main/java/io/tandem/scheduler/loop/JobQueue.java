package io.tandem.scheduler.loop;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs that wait and jobs that run. Those that run take turns: one pack is on the device at a time, and when it is done
 * {@link PackShares} says whose is next. Their adapter slots lie beyond those that serve, one for each trainee and one
 * set for the frozen adapters of the current pack, so no job ever keeps a request waiting for a slot. A job that only
 * measures has no trainee and never waits for one.
 */
final class JobQueue {
    private static final Logger LOG = LoggerFactory.getLogger(JobQueue.class);

    private static final int MAX_FAILURES = 3;

    private final DeviceModel device;
    private final LongSupplier nanoTime;
    private final int maxTraining;
    private final SlotResidency frozen;
    private final SlotResidency trainees;
    private final Deque<Entry> waiting = new ArrayDeque<>();
    private final List<FinetuneRun> running = new ArrayList<>();
    /** How often a step has failed, of jobs whose last one did. */
    private final Map<String, Integer> failures = new HashMap<>();

    private final PackShares<FinetuneRun> shares = new PackShares<>();
    private Optional<FinetuneRun> current = Optional.empty();
    private int[] frozenSlots = IterationInputs.BASE;

    private record Entry(FinetuneJob job, JobSink sink) {}

    JobQueue(DeviceModel device, SchedulerConfig config, LongSupplier nanoTime) {
        this.device = device;
        this.nanoTime = nanoTime;
        this.maxTraining = config.concurrentJobs();
        int first = config.servingSlots(device.limits());
        int firstTrainee = first + FinetuneJob.MAX_UNDER;
        this.frozen = new SlotResidency(device, first, firstTrainee, FullModule.values().length);
        this.trainees = new SlotResidency(device, firstTrainee, firstTrainee + maxTraining);
    }

    void add(FinetuneJob job, JobSink sink) {
        waiting.addLast(new Entry(job, sink));
    }

    /** The job whose pack is on the device. */
    Optional<FinetuneRun> current() {
        return current;
    }

    /** Starts jobs that wait while there is room, and lays the next pack if none is on the device. */
    void prepare() {
        startWaiting();
        while (current.isEmpty() && !running.isEmpty()) {
            shares.next().ifPresent(this::beginPack);
            // A job whose pack the device refused waits to repeat its step.
            startWaiting();
        }
    }

    private void startWaiting() {
        waiting.removeIf(entry -> {
            boolean room = !entry.job().trains() || trainees.inUse() < maxTraining;
            if (room) {
                start(entry);
            }
            return room;
        });
    }

    private void start(Entry entry) {
        OptionalInt slot = entry.job().trains() ? trainees.reserve() : OptionalInt.empty();
        if (entry.job().trains() && slot.isEmpty()) {
            throw new IllegalStateException("no slot for a trainee although only " + trainees.inUse() + " jobs train");
        }
        try {
            FinetuneRun run = new FinetuneRun(entry.job(), entry.sink(), device, slot, nanoTime);
            running.add(run);
            shares.add(run, entry.job().weight());
            leaveIfEnded(run);
        } catch (IllegalArgumentException | KernelException e) {
            slot.ifPresent(device::closeTrainee);
            slot.ifPresent(trainees::release);
            entry.sink().finish(failed(e));
        }
    }

    private void beginPack(FinetuneRun run) {
        try {
            // Nobody else uses these slots, so there are always enough, and one of them has each module in full at
            // most.
            frozenSlots = frozen.acquire(run.frozen()).orElseThrow();
            current = Optional.of(run);
            shares.charge(run, run.beginPack(frozenSlots));
        } catch (IllegalArgumentException e) {
            end(run, failed(e));
        } catch (KernelException e) {
            repeatStep(run, e);
        }
    }

    /** Takes in what an iteration with this work of the current pack gave. */
    void apply(TrainingWork work, IterationOutputs outputs) {
        current.ifPresent(run -> {
            try {
                if (run.apply(work, outputs)) {
                    freePack();
                    leaveIfEnded(run);
                }
            } catch (KernelException e) {
                LOG.error(
                        "the device failed between two windows of job {}",
                        run.job().id(),
                        e);
                repeatStep(run, e);
            }
        });
    }

    private void freePack() {
        frozen.release(frozenSlots);
        frozenSlots = IterationInputs.BASE;
        current = Optional.empty();
    }

    private static JobOutcome failed(RuntimeException e) {
        String device = e instanceof KernelException ? "the device failed: " : "";
        return new JobOutcome.Failed(device + e.getMessage());
    }

    /**
     * An iteration with the current pack failed, for whatever reason: its job goes on after its last step, unless that
     * has failed several times.
     */
    void repeatStep(RuntimeException cause) {
        current.ifPresent(run -> repeatStep(run, cause));
    }

    private void repeatStep(FinetuneRun run, RuntimeException cause) {
        String id = run.job().id();
        int failed = run.advanced() ? 1 : failures.getOrDefault(id, 0) + 1;
        if (failed > MAX_FAILURES || run.updating()) {
            end(run, failed(cause));
            return;
        }
        try {
            FinetuneJob rest = run.withdraw();
            leaveIfEnded(run);
            failures.put(id, failed);
            waiting.addFirst(new Entry(rest, run.sink()));
        } catch (KernelException e) {
            end(run, failed(e));
        }
    }

    private void end(FinetuneRun run, JobOutcome outcome) {
        run.finish(outcome);
        leaveIfEnded(run);
    }

    private void leaveIfEnded(FinetuneRun run) {
        if (!run.ended()) {
            return;
        }
        if (current.filter(run::equals).isPresent()) {
            freePack();
        }
        running.remove(run);
        shares.remove(run);
        failures.remove(run.job().id());
        run.slot().ifPresent(trainees::release);
    }

    void cancel(String jobId) {
        find(jobId).ifPresent(run -> end(run, new JobOutcome.Cancelled()));
        endWaiting(jobId, job -> new JobOutcome.Cancelled());
    }

    void pause(String jobId) {
        find(jobId).ifPresent(run -> {
            try {
                run.pause();
                leaveIfEnded(run);
            } catch (KernelException e) {
                end(run, failed(e));
            }
        });
        endWaiting(jobId, job -> new JobOutcome.Suspended(job.resumeFrom()));
    }

    private Optional<FinetuneRun> find(String jobId) {
        return running.stream().filter(run -> run.job().id().equals(jobId)).findFirst();
    }

    private void endWaiting(String jobId, Function<FinetuneJob, JobOutcome> outcome) {
        waiting.removeIf(entry -> {
            boolean meant = entry.job().id().equals(jobId);
            if (meant) {
                failures.remove(jobId);
                entry.sink().finish(outcome.apply(entry.job()));
            }
            return meant;
        });
    }

    /** Ends every job with the state after its last step, so that it can go on in another process. */
    void suspendAll() {
        for (FinetuneRun run : List.copyOf(running)) {
            try {
                run.suspend();
                leaveIfEnded(run);
            } catch (KernelException e) {
                end(run, new JobOutcome.Suspended(run.job().resumeFrom()));
            }
        }
        waiting.forEach(entry ->
                entry.sink().finish(new JobOutcome.Suspended(entry.job().resumeFrom())));
        waiting.clear();
    }

    void failAll(String message) {
        List.copyOf(running).forEach(run -> end(run, new JobOutcome.Failed(message)));
        waiting.forEach(entry -> entry.sink().finish(new JobOutcome.Failed(message)));
        waiting.clear();
    }

    /** @throws IllegalStateException if the accounts contradict each other */
    void checkIntegrity() {
        long training = running.stream().filter(run -> run.job().trains()).count();
        if (trainees.inUse() != training || running.stream().anyMatch(FinetuneRun::ended)) {
            throw new IllegalStateException(trainees.inUse() + " trainees' slots are in use by " + training + " jobs");
        }
        if (frozen.inUse() != frozenSlots.length || (current.isEmpty() && frozenSlots.length > 0)) {
            throw new IllegalStateException(frozen.inUse() + " slots for frozen adapters are in use without a pack");
        }
    }
}
