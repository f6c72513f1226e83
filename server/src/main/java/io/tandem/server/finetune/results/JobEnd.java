package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;

/** What comes of a job that has learned all. */
interface JobEnd {
    /** What it is called. */
    String what();

    /**
     * Keeps it, again if it was kept in part before.
     *
     * @return what the job's end says
     */
    String keep(ObjectNode job) throws IOException;
}
