package io.tandem.server.finetune;

import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobSink;
import java.util.Optional;

/** Where jobs are trained. */
public interface JobEngine {
    Optional<Rejection> submit(FinetuneJob job, JobSink sink);

    /** Jobs that may run or wait at once. */
    int mostJobs();

    void cancelJob(String jobId);

    void pauseJob(String jobId);
}
