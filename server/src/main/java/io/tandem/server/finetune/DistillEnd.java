package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a file of the examples that a job has kept, and its adapter a model. For the jobs' thread. */
record DistillEnd(JobBook book, JobResults results) {
    private static final Logger LOG = LoggerFactory.getLogger(DistillEnd.class);

    /** @param last after the job's last step */
    void conclude(ObjectNode job, JobCheckpoint last, List<AdapterVersion> under, DistilledFile distilled) {
        try {
            Succeeded outcome = last.best()
                    .map(best -> new Succeeded(best.adapter(), best.step(), false))
                    .orElseGet(() -> new Succeeded(last.served(), last.step(), false));
            String name = results.succeed(job, outcome, under);
            // It may have come so far before.
            job.putArray("result_files");
            keepTables(job, distilled);
            String file = results.distilled(job, distilled, book.now());
            book.end(
                    job,
                    JobObject.SUCCEEDED,
                    "The job has succeeded; the new model is '" + name + "', and " + file + " has " + distilled.kept()
                            + " of the " + distilled.of() + " examples.");
        } catch (IOException e) {
            LOG.error("the results of job {} could not be written", JobObject.id(job), e);
            book.pauseUnwritten(job, "The results could not be written: " + DiskFailure.reason(e));
        }
    }

    private void keepTables(ObjectNode job, DistilledFile distilled) {
        try {
            results.table(job, book.now());
            results.file(job, distilled.table(), DistilledFile.TABLE, book.now());
        } catch (IOException e) {
            book.sayFilesMissing(job, e);
        }
    }
}
