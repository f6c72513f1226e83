package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import java.io.IOException;
import java.util.List;

/** Makes a file of the examples that a job has kept, and its adapter a model. For the jobs' thread. */
record DistillEnd(JobBook book, JobResults results) {
    /**
     * @param last after the job's last step
     * @throws IOException if a storage is away for now
     */
    void conclude(ObjectNode job, JobCheckpoint last, List<AdapterVersion> under, DistilledFile distilled)
            throws IOException {
        Succeeded outcome = last.best()
                .map(best -> new Succeeded(best.adapter(), best.step(), false))
                .orElseGet(() -> new Succeeded(last.served(), last.step(), false));
        book.succeed(job, "The results", () -> {
            String name = results.succeed(job, outcome, under);
            // It may have come so far before.
            job.putArray("result_files");
            keepTables(job, distilled);
            String file = results.distilled(job, distilled, book.now());
            return "The job has succeeded; the new model is '" + name + "', and " + file + " has " + distilled.kept()
                    + " of the " + distilled.of() + " examples.";
        });
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
