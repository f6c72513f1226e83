package io.tandem.scheduler;

import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobSink;
import java.util.Optional;

/** Where jobs train: the part of the engine that fine-tunes. Safe from any thread; never waits for the device. */
public interface JobEngine {
    /**
     * The job with what its adapter starts with. The calling thread makes that, so that the engine thread only copies it: in
     * time in proportion to its numbers, or longer if the method starts from the frozen weights.
     *
     * @throws IllegalArgumentException if the device cannot train such an adapter, naming the module
     */
    FinetuneJob prepare(FinetuneJob job, BaseWeights weights);

    /** Queues a job, unless it is refused. An accepted one ends with exactly one {@link JobSink#finish}. */
    Optional<Rejection> submit(FinetuneJob job, JobSink sink);

    /** Jobs that may train or wait at once. */
    int mostJobs();

    /** Ends a job within one iteration; nothing happens if it has ended already. */
    void cancelJob(String jobId);

    /**
     * Suspends a job: when its optimizer step ends, or at once if none is under way. Nothing happens if it has ended
     * already. To go on, submit it again from the checkpoint that its end carries.
     */
    void pauseJob(String jobId);
}
