package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobBook;
import java.io.IOException;

/**
 * A base model that is written already.
 *
 * @param place where it is: from the data directory on, or in a bucket
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
        new Reports(book).keep(job, () -> results.table(job, book.now()));
        return "The job has succeeded; the new base model is in " + place
                + (place.contains(":") ? "" : " of the data directory") + ", as it was after step " + step
                + ". Serve it"
                + (place.contains(":") ? ", copied to a disk," : "") + " with tandem serve --model.";
    }
}
