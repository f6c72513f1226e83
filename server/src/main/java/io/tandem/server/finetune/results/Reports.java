package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Result files for people to read. What the job has learned is there by now, so what cannot be kept is no reason to fail. */
record Reports(JobBook book) {
    private static final Logger LOG = LoggerFactory.getLogger(Reports.class);

    /** Keeps result files. */
    interface Keeping {
        void now() throws IOException;
    }

    /** @throws IOException if a storage is away for now */
    void keep(ObjectNode job, Keeping files) throws IOException {
        try {
            files.now();
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            LOG.warn("result files of job {} are missing", JobObject.id(job), e);
            book.say(job, "warn", "Result files are missing, they could not be kept: " + DiskFailure.reason(e) + ".");
        }
    }
}
