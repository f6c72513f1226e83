package io.tandem.scheduler.loop;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.KernelException;
import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalInt;

/** Jobs that wait and the one that trains. */
final class JobQueue {
    private final DeviceModel device;
    private final SlotResidency adapters;
    private final Deque<Entry> waiting = new ArrayDeque<>();
    private Optional<FinetuneRun> current = Optional.empty();

    private record Entry(FinetuneJob job, JobSink sink) {}

    JobQueue(DeviceModel device, SlotResidency adapters) {
        this.device = device;
        this.adapters = adapters;
    }

    void add(FinetuneJob job, JobSink sink) {
        waiting.addLast(new Entry(job, sink));
    }

    Optional<FinetuneRun> current() {
        return current;
    }

    /** Starts the next job if none trains and an adapter slot is free. */
    void prepare() {
        if (current.isPresent() || waiting.isEmpty()) {
            return;
        }
        OptionalInt slot = adapters.reserve();
        if (slot.isEmpty()) {
            return;
        }
        Entry entry = waiting.removeFirst();
        try {
            current = Optional.of(new FinetuneRun(entry.job(), entry.sink(), device, slot.getAsInt()));
        } catch (IllegalArgumentException | KernelException e) {
            device.closeTrainee(slot.getAsInt());
            adapters.release(slot.getAsInt());
            entry.sink().finish(new JobOutcome.Failed(String.valueOf(e.getMessage())));
        }
    }

    void apply(TrainingWork work, IterationOutputs outputs) {
        current.ifPresent(run -> {
            if (run.apply(work, outputs)) {
                leave(run);
            }
        });
    }

    /** Ends the job that trains. */
    void end(JobOutcome outcome) {
        current.ifPresent(run -> {
            run.finish(outcome);
            leave(run);
        });
    }

    private void leave(FinetuneRun run) {
        adapters.release(run.slot());
        current = Optional.empty();
    }

    void cancel(String jobId) {
        if (current.filter(run -> run.job().id().equals(jobId)).isPresent()) {
            end(new JobOutcome.Cancelled());
        }
        waiting.removeIf(entry -> {
            boolean cancelled = entry.job().id().equals(jobId);
            if (cancelled) {
                entry.sink().finish(new JobOutcome.Cancelled());
            }
            return cancelled;
        });
    }

    void failAll(String message) {
        end(new JobOutcome.Failed(message));
        waiting.forEach(entry -> entry.sink().finish(new JobOutcome.Failed(message)));
        waiting.clear();
    }
}
