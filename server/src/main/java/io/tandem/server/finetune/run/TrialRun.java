package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.results.JobResults;
import io.tandem.server.finetune.search.SearchProgress;
import io.tandem.server.finetune.search.Trial;
import io.tandem.server.finetune.search.Trial.Evaluation;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Executor;

/** One stay of a search's trial in the engine. When it ends well or badly, the search goes on. */
final class TrialRun extends JobStay {
    private final ObjectNode job;
    private final TrialTask task;
    private final FinetuneJob work;
    private final JobBook book;
    private final JobResults results;
    private final JobNews news;
    private final JobRun.Trained trained;
    private final Runnable left;
    private final long tokensOfOthers;
    private long tokens;
    private Optional<Measured> last;

    /**
     * @param thread on which everything is kept; drops news when nobody listens any more
     * @param trained called there with the tokens of each step
     * @param left called there when the engine has let go of the trial
     */
    TrialRun(
            ObjectNode job,
            TrialTask task,
            FinetuneJob work,
            JobBook book,
            JobResults results,
            Executor thread,
            JobRun.Trained trained,
            Runnable left) {
        this.job = job;
        this.task = task;
        this.work = work;
        this.book = book;
        this.results = results;
        this.news = new JobNews(job, task + " of job " + work.id(), book, thread);
        this.trained = trained;
        this.left = left;
        this.tokensOfOthers = SearchProgress.read(job).stream()
                .filter(other -> other.number() != task.trial().number())
                .mapToLong(Trial::trainedTokens)
                .sum();
        this.tokens = work.resumeFrom().map(JobCheckpoint::trainedTokens).orElse(0L);
        this.last = work.resumeFrom().flatMap(JobCheckpoint::measured);
    }

    @Override
    public void start() {
        news.tell(() -> {
            if (JobObject.status(job).equals(JobObject.QUEUED)) {
                book.status(job, JobObject.RUNNING);
                int step = work.resumeFrom().map(JobCheckpoint::step).orElse(0);
                book.say(
                        job,
                        "info",
                        task + " trains up to step " + work.lastStep()
                                + (step == 0 ? "." : " and goes on after step " + step + "."));
            }
        });
    }

    @Override
    public void step(StepReport report) {
        news.tell(() -> {
            tokens = report.trainedTokens();
            job.put("trained_tokens", tokensOfOthers + tokens);
            trained.count(report.tokens());
        });
    }

    @Override
    public void found(Found found) {}

    @Override
    public void pruned(Pruned pruned) {}

    @Override
    public void examined(Trajectories trajectories) {}

    @Override
    public void grew(Grown grown) {}

    @Override
    public void measured(Measured measured) {
        news.tell(() -> last = Optional.of(measured));
    }

    @Override
    public void checkpoint(JobCheckpoint checkpoint) {
        news.tell(() -> keep(checkpoint));
    }

    private void keep(JobCheckpoint checkpoint) throws IOException {
        results.trialCheckpoint(job, task.trial().number(), checkpoint, book.now());
    }

    @Override
    public void finish(JobOutcome outcome) {
        JobNews.News conclusion = () -> {
            if (outcome instanceof JobOutcome.Succeeded succeeded) {
                succeed(succeeded);
            } else if (outcome instanceof JobOutcome.Failed failed) {
                book.say(job, "warn", task + " failed and is left out: " + failed.message());
                evaluated(OptionalDouble.empty());
            } else if (outcome instanceof JobOutcome.Suspended suspended) {
                suspend(suspended);
            } else {
                book.end(job, JobObject.CANCELLED, "The job was cancelled.");
            }
        };
        news.tellLast(conclusion, left);
    }

    private void succeed(JobOutcome.Succeeded succeeded) throws IOException {
        if (!results.hasTrialCheckpoint(job, task.trial().number(), succeeded.step())) {
            book.pauseUntilMended(job, task + " could not be written");
            return;
        }
        double loss = last.orElseThrow().loss();
        evaluated(OptionalDouble.of(loss));
        ObjectNode data = JsonBody.MAPPER.createObjectNode();
        data.put("step", succeeded.step()).put("total_steps", work.lastStep());
        data.put("valid_loss", loss).put("full_valid_loss", loss);
        data.put("trial", task.trial().number());
        data.put("trained_parameters", task.trial().parameters());
        data.set("hyperparameters", task.trial().configuration().values());
        book.metrics(
                job,
                String.format(
                        Locale.ROOT,
                        "%s: validation loss=%.4f after %d steps, %d trained parameters",
                        task,
                        loss,
                        succeeded.step(),
                        task.trial().parameters()),
                data);
    }

    private void evaluated(OptionalDouble loss) {
        Evaluation evaluation = new Evaluation(task.task().epochs(), work.lastStep(), loss, tokens);
        SearchProgress.put(job, task.trial().with(evaluation));
        book.status(job, JobObject.status(job));
        goOnAfterwards();
    }

    private void suspend(JobOutcome.Suspended suspended) throws IOException {
        int step = suspended.checkpoint().map(JobCheckpoint::step).orElse(0);
        // Before its first step a trial begins again just as well.
        if (step > 0) {
            keep(suspended.checkpoint().orElseThrow());
        }
        if (JobObject.status(job).equals(JobObject.PAUSED)) {
            book.say(
                    job,
                    "info",
                    "The job is paused after step " + step + " of trial "
                            + task.trial().number() + ".");
        }
    }
}
