package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.finetune.data.JobReaders;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.search.SearchTable;
import io.tandem.server.finetune.search.Trial;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How jobs that have learned all end: what comes of them is kept, and then they have succeeded. For the jobs' thread.
 *
 * <p>What ends a job throws an {@code IOException} if a storage is away for now, and may be done again.
 */
public final class JobEnds {
    private static final Logger LOG = LoggerFactory.getLogger(JobEnds.class);

    private final JobBook book;
    private final JobResults results;
    private final BaseMaker bases;

    public JobEnds(JobBook book, JobResults results, TrainingSetup setup, JobReaders readers) {
        this.book = book;
        this.results = results;
        this.bases = new BaseMaker(setup, results.jobs(), readers);
    }

    /** The adapter becomes a model. */
    public void adapter(ObjectNode job, Succeeded outcome, List<AdapterVersion> under) throws IOException {
        conclude(job, new AdapterEnd(book, results, outcome, under));
    }

    /** What a job has learned that goes on with its last checkpoint. */
    public static Succeeded outcome(JobCheckpoint last) {
        return last.best()
                .map(best -> new Succeeded(best.adapter(), best.step(), false))
                .orElseGet(() -> new Succeeded(last.served(), last.step(), false));
    }

    /**
     * The adapter becomes a model, and the examples that were kept a file.
     *
     * @param last after the job's last step
     */
    public void distilled(ObjectNode job, JobCheckpoint last, List<AdapterVersion> under, DistilledFile distilled)
            throws IOException {
        conclude(job, new DistillEnd(book, results, last, under, distilled));
    }

    /** The best trial becomes a model; without one, the job has failed. */
    public void searched(ObjectNode job, List<Trial> trials) throws IOException {
        Optional<Trial> best = SearchTable.best(trials);
        if (best.isPresent()) {
            conclude(job, new SearchEnd(book, results, trials, best.get()));
        } else {
            book.end(job, JobObject.FAILED, "all trials of the search failed; the job's events say why");
        }
    }

    /**
     * Writes the base model that a job ends with, before {@link #base}. Others' news do not wait for what takes as long as
     * reading the base model.
     *
     * @return where people find it: from the data directory on, or in the bucket
     */
    public CompletableFuture<String> writeBase(ObjectNode job, Succeeded outcome) {
        book.say(job, "info", "The base model is being written.");
        return bases.make(job, outcome.adapter());
    }

    /**
     * The base model is there, or the job pauses.
     *
     * @param place where it was written
     * @param failure why it was not
     */
    public void base(ObjectNode job, Succeeded outcome, @Nullable String place, @Nullable Throwable failure)
            throws IOException {
        if (place != null) {
            conclude(job, new BaseEnd(book, results, place, outcome.step()));
        } else if (failure instanceof RejectedExecutionException) {
            // The server stops, and the next one goes on from the last checkpoint.
            LOG.info("the base model of job {} is written when the server is there again", JobObject.id(job));
        } else {
            LOG.error("the base model of job {} could not be written", JobObject.id(job), failure);
            String why = failure instanceof Exception exception ? JobBook.why(exception) : String.valueOf(failure);
            book.pause(
                    job,
                    "error",
                    "The base model could not be written: " + why
                            + ". The job is paused; resume it when that is mended.");
        }
    }

    /** Unless its results cannot be kept: a job pauses if the disk does not take them, and fails if they cannot be used. */
    private void conclude(ObjectNode job, JobEnd end) throws IOException {
        try {
            book.end(job, JobObject.SUCCEEDED, end.keep(job));
        } catch (IOException | RuntimeException e) {
            if (DiskFailure.away(e).isPresent()) {
                throw e;
            }
            LOG.error("the results of job {} cannot be kept", JobObject.id(job), e);
            if (e instanceof IOException || DiskFailure.hindrance(e).isPresent()) {
                book.pauseUntilMended(job, end.what() + " could not be written: " + DiskFailure.reason(e));
            } else {
                book.end(job, JobObject.FAILED, end.what() + " cannot be used: " + JobBook.why(e));
            }
        }
    }
}
