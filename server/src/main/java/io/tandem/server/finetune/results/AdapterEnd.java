package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.finetune.state.JobBook;
import java.io.IOException;
import java.util.List;

/** An adapter that becomes a model. */
record AdapterEnd(JobBook book, JobResults results, Succeeded outcome, List<AdapterVersion> under) implements JobEnd {
    @Override
    public String what() {
        return "The adapter";
    }

    @Override
    public String keep(ObjectNode job) throws IOException {
        String name = results.succeed(job, outcome, under);
        new Reports(book).keep(job, () -> results.table(job, book.now()));
        String early = outcome.stoppedEarly() ? "; it ended early because the validation loss fell no more" : "";
        return "The job has succeeded; the new model is '" + name + "', as it was after step " + outcome.step() + early
                + ".";
    }
}
