package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the engine's news of a job to the jobs' thread, where they are kept.
 *
 * @param subject what the news are of, for the log
 * @param thread on which everything is kept; drops news when nobody listens any more
 */
record JobNews(ObjectNode job, String subject, JobBook book, Executor thread) {
    private static final Logger LOG = LoggerFactory.getLogger(JobNews.class);

    interface News {
        void keep() throws IOException;
    }

    /** A job that was cancelled in the meantime hears nothing any more. */
    void tell(News news) {
        thread.execute(() -> {
            if (JobObject.ended(job)) {
                return;
            }
            try {
                news.keep();
            } catch (IOException | RuntimeException e) {
                LOG.error("news of {} could not be written", subject, e);
                book.say(job, "warn", "The server could not write to its disk: " + why(e) + ".");
            }
        });
    }

    /** Then the engine has let go of the job. */
    void last(Runnable left) {
        thread.execute(left);
    }

    /** What an event says of a failure. */
    static String why(Exception failure) {
        return failure instanceof ApiException ? String.valueOf(failure.getMessage()) : DiskFailure.reason(failure);
    }
}
