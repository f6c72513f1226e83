package io.tandem.server.finetune;

import io.tandem.scheduler.finetune.JobSink;

/** One stay of a job in the engine. For the jobs' thread. */
interface JobStay extends JobSink {
    /** The job shall go on as soon as the engine has let go of it. */
    void goOnAfterwards();

    /** Whether it shall. */
    boolean goesOn();
}
