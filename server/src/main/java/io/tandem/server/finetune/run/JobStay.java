package io.tandem.server.finetune.run;

import io.tandem.scheduler.finetune.JobSink;

/** One stay of a job in the engine. For the jobs' thread. */
abstract class JobStay implements JobSink {
    private boolean again;

    /** The job shall go on as soon as the engine has let go of it. */
    final void goOnAfterwards() {
        again = true;
    }

    /** Whether it shall. */
    final boolean goesOn() {
        return again;
    }
}
