package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.state.JobBook;
import java.io.IOException;
import java.util.List;

/**
 * A file of the examples that a job has kept, and its adapter as a model.
 *
 * @param last after the job's last step
 */
record DistillEnd(
        JobBook book, JobResults results, JobCheckpoint last, List<AdapterVersion> under, DistilledFile distilled)
        implements JobEnd {
    @Override
    public String what() {
        return "The results";
    }

    @Override
    public String keep(ObjectNode job) throws IOException {
        String name = results.succeed(job, JobEnds.outcome(last), under);
        // It may have come so far before.
        job.putArray("result_files");
        new Reports(book).keep(job, () -> {
            results.table(job, book.now());
            results.file(job, distilled.table(), DistilledFile.TABLE, book.now());
        });
        String file = results.distilled(job, distilled, book.now());
        return "The job has succeeded; the new model is '" + name + "', and " + file + " has " + distilled.kept()
                + " of the " + distilled.of()
                + (distilled.written().isPresent() ? " new examples that it wrote." : " examples.");
    }
}
