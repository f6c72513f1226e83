package io.tandem.scheduler;

import io.tandem.kernels.DeviceModel;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.loop.IterationListener;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Serves requests and trains adapters on one device, in shared iterations. Its methods may be called from any thread
 * and never wait for the device; {@link #run} is the engine thread's whole life.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class CoServingEngine implements Runnable {

    /** @param nanoTime the clock; a virtual one in simulations */
    public CoServingEngine(
            DeviceModel device, SchedulerConfig config, LongSupplier nanoTime, IterationListener listener) {
        throw new UnsupportedOperationException();
    }

    /** Queues a request, unless it is refused. An accepted one ends with exactly one {@link TokenSink#finish}. */
    public Optional<Rejection> submit(InferenceRequest request, TokenSink sink) {
        throw new UnsupportedOperationException();
    }

    /** Ends a request within one iteration; nothing happens if it has ended already. */
    public void cancel(long requestId) {
        throw new UnsupportedOperationException();
    }

    /** Queues a job, unless it is refused. An accepted one ends with exactly one {@link JobSink#finish}. */
    public Optional<Rejection> submit(FinetuneJob job, JobSink sink) {
        throw new UnsupportedOperationException();
    }

    /** Ends a job within one iteration; nothing happens if it has ended already. */
    public void cancelJob(String jobId) {
        throw new UnsupportedOperationException();
    }

    /** Drains, plans, runs and applies until {@link #shutDown}; waits without load when there is nothing to do. */
    @Override
    public void run() {
        throw new UnsupportedOperationException();
    }

    /** Refuses what is new, fails what is left, and lets {@link #run} return; the device stays open. */
    public void shutDown() {
        throw new UnsupportedOperationException();
    }

    /** Whether the engine thread is alive and the device has not failed repeatedly. */
    public boolean healthy() {
        throw new UnsupportedOperationException();
    }
}
