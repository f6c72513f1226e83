package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a job's step metrics a result file. */
record StepTable(JobBook book, JobResults results) {
    private static final Logger LOG = LoggerFactory.getLogger(StepTable.class);

    /** What the job has learned is there by now, so a table that cannot be kept is no reason to fail. */
    void keep(ObjectNode job) throws IOException {
        try {
            results.table(job, book.now());
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            LOG.warn("the step metrics of job {} could not be made a file", JobObject.id(job), e);
            book.say(
                    job,
                    "warn",
                    "The job has no result file, because its step metrics could not be kept: " + DiskFailure.reason(e)
                            + ".");
        }
    }
}
