package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
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
    private static final long AWAY_MILLIS = 2000;

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
                failed(e);
            }
        });
    }

    /** Does something on the jobs' thread, whatever has become of the job. */
    void run(Runnable work) {
        thread.execute(work);
    }

    /**
     * The last news of a job, which wait for a storage that is away.
     *
     * @param left what follows them, when the engine has let go of the job
     */
    void tellLast(News news, Runnable left) {
        tellLast(news, left, 1);
    }

    private void tellLast(News news, Runnable left, int attempt) {
        thread.execute(() -> {
            try {
                if (!JobObject.ended(job)) {
                    news.keep();
                }
            } catch (IOException | RuntimeException e) {
                if (DiskFailure.away(e).isPresent()) {
                    if (attempt == 1) {
                        LOG.warn(
                                "the end of {} waits: {}",
                                subject,
                                DiskFailure.away(e).get());
                    }
                    CompletableFuture.delayedExecutor(AWAY_MILLIS, TimeUnit.MILLISECONDS, thread)
                            .execute(() -> tellLast(news, left, attempt + 1));
                    return;
                }
                failed(e);
            }
            left.run();
        });
    }

    private void failed(Exception e) {
        Optional<String> away = DiskFailure.away(e);
        if (away.isPresent()) {
            LOG.warn("news of {} could not be written: {}", subject, away.get());
            book.say(job, "warn", "A part of the job's progress could not be stored: " + away.get() + ".");
            return;
        }
        LOG.error("news of {} could not be written", subject, e);
        book.say(job, "warn", "The server could not write to its disk: " + JobBook.why(e) + ".");
    }
}
