package io.tandem.scheduler.loop;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.TrainingArena;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.plan.PendingTraining;
import io.tandem.scheduler.plan.ServingSpell;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.ObjDoubleConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs that wait and jobs that run. Whose packs are next, of those that run, {@link PackShares} says: as many as would take
 * turns before one of them comes again lie in the arena side by side, as far as there is room. When all are done the next
 * ones are laid, so together jobs get what they would get in turns. Their adapter slots lie beyond those that serve, one for
 * each trainee and one set for the frozen adapters of packs, so no job ever keeps a request waiting for a slot. A job that
 * only measures has no trainee and never waits for one.
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

    private final PackShares<FinetuneRun> shares = new PackShares<>(run -> !run.preparing());
    private final boolean together;
    private final TrainingArena arena;
    /** Jobs with a pack in the arena that is not done, and the slots of what lies below their trainees there. */
    private final Map<FinetuneRun, int[]> laid = new LinkedHashMap<>();

    private record Entry(FinetuneJob job, JobSink sink) {}

    JobQueue(DeviceModel device, SchedulerConfig config, LongSupplier nanoTime) {
        this.device = device;
        this.nanoTime = nanoTime;
        this.maxTraining = config.concurrentJobs();
        this.together = config.packsTogether();
        this.arena = new TrainingArena(device);
        int first = config.servingSlots(device.limits());
        int firstTrainee = first + FinetuneJob.MAX_UNDER;
        this.frozen = new SlotResidency(device, first, firstTrainee, FullModule.values().length);
        this.trainees = new SlotResidency(device, firstTrainee, firstTrainee + maxTraining);
    }

    void add(FinetuneJob job, JobSink sink) {
        waiting.addLast(new Entry(job, sink));
    }

    /**
     * What may be trained next, if there is anything.
     *
     * @param spell how long it has waited
     */
    Optional<PendingTraining> pending(ServingSpell spell) {
        return laid.isEmpty()
                ? Optional.empty()
                : Optional.of(new PendingTraining(
                        laid.keySet().stream().map(JobQueue::tenant).collect(Collectors.toSet()),
                        arena.progress(),
                        laid.keySet().stream().allMatch(FinetuneRun::betweenSteps),
                        spell));
    }

    /** Starts jobs that wait while there is room, and lays the next packs if the arena is empty. */
    void prepare() {
        startWaiting();
        while (laid.isEmpty() && shares.next().isPresent()) {
            layPacks();
            // A job whose pack the device refused waits to repeat its step.
            startWaiting();
        }
    }

    private void layPacks() {
        Optional<FinetuneRun> next = shares.next();
        while (next.isPresent() && (laid.isEmpty() || joins(next.get())) && lay(next.get())) {
            next = shares.next();
        }
    }

    /** Whether a job's pack goes with those that are there. */
    private boolean joins(FinetuneRun run) {
        return together
                && !laid.containsKey(run)
                && arena.hasRoom(run.nextRows())
                && Stream.concat(Stream.of(run), laid.keySet().stream())
                        .noneMatch(other -> suspected(other) || other.goesAlone());
    }

    /** A job whose step has failed trains alone until it succeeds, so that it fails at nobody else's expense. */
    private boolean suspected(FinetuneRun run) {
        return failures.containsKey(run.job().id()) && !run.advanced();
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
            // If the device has nothing to do for it, it takes part in this iteration.
            run.prepare(0);
            running.add(run);
            shares.add(run, entry.job().weight());
            leaveIfEnded(run);
        } catch (IllegalArgumentException | KernelException e) {
            slot.ifPresent(device::closeTrainee);
            slot.ifPresent(trainees::release);
            entry.sink().finish(failed(e));
        }
    }

    /**
     * Lays a job's next pack.
     *
     * @return false if the packs that are there use the slots that it needs for what lies below its trainee. There is always
     *     room for what that has in full: each module once at most, and such a pack goes alone
     */
    private boolean lay(FinetuneRun run) {
        try {
            Optional<int[]> slots = frozen.acquire(run.frozen());
            if (slots.isEmpty()) {
                return false;
            }
            laid.put(run, slots.get());
            int rows = run.nextRows();
            run.beginPack(arena, slots.get());
            shares.charge(run, rows);
        } catch (IllegalArgumentException e) {
            end(run, failed(e));
        } catch (KernelException e) {
            repeatStep(run, e);
        }
        return true;
    }

    /**
     * Takes in what an iteration with the packs gave.
     *
     * @param trained told of each job's caller how many tokens were trained
     */
    void apply(IterationOutputs outputs, ObjDoubleConsumer<String> trained) {
        for (FinetuneRun run : List.copyOf(laid.keySet())) {
            trained.accept(run.job().caller(), run.receive(outputs));
            try {
                if (run.proceed()) {
                    freePack(run);
                    leaveIfEnded(run);
                }
            } catch (KernelException e) {
                LOG.error(
                        "the device failed between two windows of job {}",
                        run.job().id(),
                        e);
                repeatStep(run, e);
            }
        }
    }

    /** Whose jobs' trainees the device has something to do for outside of iterations, a step above all. */
    Set<String> preparingTenants() {
        return running.stream()
                .filter(FinetuneRun::preparing)
                .map(JobQueue::tenant)
                .collect(Collectors.toSet());
    }

    private static String tenant(FinetuneRun run) {
        return InferenceRequest.tenant(run.job().caller());
    }

    /** Lets the device do it for about so long. */
    void prepareTrainees(long nanos) {
        long start = nanoTime.getAsLong();
        for (FinetuneRun run : List.copyOf(running)) {
            long left = nanos - (nanoTime.getAsLong() - start);
            if (run.preparing() && left > 0) {
                prepare(run, left);
            }
        }
    }

    private void prepare(FinetuneRun run, long nanos) {
        try {
            run.prepare(nanos);
            if (run.preparing()) {
                // So that a long one keeps none waiting.
                Collections.rotate(running.subList(running.indexOf(run), running.size()), -1);
            }
            leaveIfEnded(run);
        } catch (KernelException e) {
            LOG.error(
                    "the device failed to prepare the trainee of job {}",
                    run.job().id(),
                    e);
            repeatStep(run, e);
        }
    }

    private void freePack(FinetuneRun run) {
        Optional.ofNullable(laid.remove(run)).ifPresent(frozen::release);
        if (laid.isEmpty()) {
            arena.clear();
        }
    }

    private static JobOutcome failed(RuntimeException e) {
        String device = e instanceof KernelException ? "the device failed: " : "";
        return new JobOutcome.Failed(device + e.getMessage());
    }

    /**
     * An iteration with the packs failed, for whatever reason: their jobs go on after their last steps, but for one that has
     * failed several times.
     */
    void repeatSteps(RuntimeException cause) {
        List.copyOf(laid.keySet()).forEach(run -> repeatStep(run, cause));
    }

    private void repeatStep(FinetuneRun run, RuntimeException cause) {
        String id = run.job().id();
        int failed = run.advanced() ? 1 : failures.getOrDefault(id, 0) + 1;
        if (failed > MAX_FAILURES || run.updating()) {
            end(run, failed(cause));
            return;
        }
        try {
            if (run.pausing()) {
                run.suspend();
                leaveIfEnded(run);
                return;
            }
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
        freePack(run);
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
        long used =
                laid.values().stream().flatMapToInt(Arrays::stream).distinct().count();
        if (frozen.inUse() != used || laid.isEmpty() != arena.isEmpty()) {
            throw new IllegalStateException(
                    frozen.inUse() + " slots for frozen adapters are in use by packs with " + used);
        }
    }
}
