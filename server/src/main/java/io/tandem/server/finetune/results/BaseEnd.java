package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobBook;
import java.io.IOException;

/**
 * A base model that is written already.
 *
 * @param place where it is, from the data directory on
 * @param step after which it was made
 */
record BaseEnd(JobBook book, JobResults results, String place, int step) implements JobEnd {
    @Override
    public String what() {
        return "The base model";
    }

    @Override
    public String keep(ObjectNode job) throws IOException {
        job.put("fine_tuned_base", place);
        new StepTable(book, results).keep(job);
        return "The job has succeeded; the new base model is in " + place
                + " of the data directory, as it was after step " + step + ". Serve it with tandem serve --model.";
    }
}
