package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.results.JobEnds;
import io.tandem.server.finetune.results.JobResults;
import io.tandem.server.finetune.run.JobNews.News;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.JobMetrics;
import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One stay of a job in the engine: passes the engine's news on to the jobs' thread, where it keeps what they bring. */
final class JobRun extends JobStay {
    private static final Logger LOG = LoggerFactory.getLogger(JobRun.class);

    /** Of a model with many, those that an event's line names. */
    private static final int NAMED_LAYERS = 8;

    private static final long BACKLOG_BYTES = 1L << 28;

    private final ObjectNode job;
    private final FinetuneJob work;
    private final JobBook book;
    private final JobResults results;
    private final JobMetrics metrics;
    private final JobNews news;
    private final Trained trained;
    private final JobEnds ends;
    private final Runnable left;
    private final CheckpointBacklog backlog = new CheckpointBacklog(BACKLOG_BYTES);
    private double seconds;
    private int steps;
    private boolean numbersLost;

    /**
     * @param thread on which everything is kept; drops news when nobody listens any more
     * @param trained called there with the tokens of each step
     * @param ends keep what comes of it
     * @param left called there when the engine has let go of the job
     */
    JobRun(
            ObjectNode job,
            FinetuneJob work,
            JobBook book,
            JobResults results,
            JobMetrics metrics,
            Executor thread,
            Trained trained,
            JobEnds ends,
            Runnable left) {
        this.trained = trained;
        this.ends = ends;
        this.job = job;
        this.work = work;
        this.book = book;
        this.results = results;
        this.metrics = metrics;
        this.news = new JobNews(job, "job " + JobObject.id(job), book, thread);
        this.left = left;
    }

    /** What becomes of a step's tokens. */
    interface Trained {
        void count(long tokens) throws IOException;
    }

    /** Numbers are for people: a job does not depend on them. */
    private void number(News written) {
        try {
            written.keep();
        } catch (IOException e) {
            if (!numbersLost) {
                numbersLost = true;
                LOG.warn("the step metrics of job {} cannot be written", JobObject.id(job), e);
                book.say(
                        job,
                        "warn",
                        "Step metrics are missing, they cannot be written: " + DiskFailure.reason(e) + ".");
            }
        }
    }

    @Override
    public void start() {
        news.tell(() -> {
            if (JobObject.status(job).equals(JobObject.QUEUED)) {
                book.status(job, JobObject.RUNNING);
                book.say(job, "info", "The job trains.");
            }
        });
    }

    @Override
    public void step(StepReport report) {
        news.tell(() -> {
            seconds += report.seconds();
            steps++;
            job.put("trained_tokens", report.trainedTokens());
            job.put("estimated_finish", book.now() + (long) (seconds / steps * (report.totalSteps() - report.step())));
            ObjectNode data = data(report.step(), "train", report.scores());
            data.put("learning_rate", report.learningRate());
            data.put("gradient_norm", report.gradientNorm());
            data.put("tokens", report.tokens());
            data.put("seconds", report.seconds());
            report.plan().layers().ifPresent(layers -> {
                ArrayNode learning = data.putArray("learning_layers");
                layers.forEach(learning::add);
            });
            if (!report.plan().skipped().isEmpty()) {
                ArrayNode skipped = data.putArray("skipped_layers");
                report.plan().skipped().forEach(skipped::add);
            }
            // Of ranks or of weights; no plan has both.
            double sparsity = report.plan().sparsity() + report.plan().zeros();
            if (sparsity > 0) {
                data.put("sparsity", sparsity);
            }
            say(report.step(), "training", report.scores(), data);
            number(() -> metrics.step(report));
            trained.count(report.tokens());
        });
    }

    @Override
    public void found(Found found) {
        news.tell(() -> {
            List<Double> importance = found.finding().importance();
            ObjectNode data = numbered(found.step());
            ArrayNode layers = data.putArray("layer_importance");
            importance.forEach(layers::add);
            ArrayNode losses = data.putArray("probe_losses");
            found.finding().losses().forEach(losses::add);
            String order = IntStream.range(0, importance.size())
                    .boxed()
                    .sorted(Comparator.comparing(importance::get, Comparator.reverseOrder()))
                    .limit(NAMED_LAYERS)
                    .map(layer -> String.format(Locale.ROOT, "%d (%+.3f)", layer, importance.get(layer)))
                    .collect(Collectors.joining(", "));
            book.metrics(job, start(found.step()) + "the layers that matter most are " + order, data);
        });
    }

    @Override
    public void pruned(Pruned pruned) {
        String single = pruned.singleWeights() > 0 ? ", and " + pruned.singleWeights() + " single weights," : "";
        news.tell(() -> book.say(
                job,
                "info",
                start(pruned.step()) + pruned.modules() + " of " + pruned.modulesBefore() + " modules and "
                        + pruned.ranks() + " of " + pruned.ranksBefore() + " ranks" + single
                        + " learn from here on"
                        + (pruned.skipped().isEmpty() ? "." : "; layers " + list(pruned.skipped()) + " are skipped.")));
    }

    private static String list(Collection<Integer> layers) {
        return layers.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }

    @Override
    public void measured(Measured measured) {
        news.tell(() -> {
            ObjectNode data = data(measured.step(), "valid", measured.scores());
            JobObject.putScores(data, "full_valid", measured.scores());
            ObjectNode byAbility = data.putObject("valid_loss_by_ability");
            measured.lossByAbility().forEach((ability, loss) -> {
                if (!ability.isEmpty()) {
                    byAbility.put(ability, loss);
                }
            });
            say(measured.step(), "validation", measured.scores(), data);
            number(() -> metrics.measured(measured));
        });
    }

    private ObjectNode data(int step, String set, Scores scores) {
        ObjectNode data = numbered(step);
        JobObject.putScores(data, set, scores);
        scores.exactMatch().ifPresent(share -> data.put(set + "_exact_match", share));
        scores.rewardAccuracy().ifPresent(share -> data.put(set + "_reward_accuracy", share));
        return data;
    }

    private ObjectNode numbered(int step) {
        ObjectNode data = JsonBody.MAPPER.createObjectNode();
        data.put("step", step);
        data.put("total_steps", work.totalSteps());
        return data;
    }

    private String start(int step) {
        return "Step " + step + "/" + work.totalSteps() + ": ";
    }

    private void say(int step, String set, Scores scores, ObjectNode data) {
        StringBuilder line = new StringBuilder(start(step));
        line.append(String.format(Locale.ROOT, "%s loss=%.4f", set, scores.loss()));
        scores.tokenAccuracy()
                .ifPresent(share -> line.append(String.format(Locale.ROOT, ", token accuracy=%.4f", share)));
        book.metrics(job, line.toString(), data);
    }

    @Override
    public void examined(Trajectories trajectories) {
        int wanted = work.settings().cadence().examinations();
        news.tell(() -> book.say(
                job,
                "info",
                "The losses of the " + work.training().size() + " training examples were measured, "
                        + trajectories.times() + " of " + Math.min(wanted, work.totalSteps()) + " times."));
    }

    @Override
    public void grew(Grown grown) {
        news.tell(() -> book.say(job, "info", GrowthReport.of(grown)));
    }

    @Override
    public void checkpoint(JobCheckpoint checkpoint) {
        long bytes = checkpoint.bytes();
        int step = checkpoint.step();
        boolean room = backlog.add(bytes);
        // What follows training may need the last one.
        if (room || step == work.totalSteps()) {
            news.tell(() -> keep(checkpoint));
        } else {
            news.tell(() -> book.say(
                    job,
                    "warn",
                    "There is no checkpoint at step " + step + ", because earlier ones are still being written."
                            + " Raise checkpoint_every, or give the server faster storage."));
        }
        if (room) {
            news.run(() -> backlog.written(bytes));
        }
    }

    private void keep(JobCheckpoint checkpoint) throws IOException {
        number(metrics::flush);
        String what = results.checkpoint(job, checkpoint, work.under(), book.now())
                .map(name -> ": '" + name + "' can be called.")
                .orElse(".");
        book.say(job, "info", "Checkpoint at step " + checkpoint.step() + what);
    }

    @Override
    public void finish(JobOutcome outcome) {
        if (outcome instanceof JobOutcome.Succeeded succeeded && work.method().makesBase()) {
            news.run(() -> makeBase(succeeded));
            return;
        }
        News conclusion = () -> {
            number(metrics::flush);
            if (outcome instanceof JobOutcome.Succeeded
                    && JobObject.spec(job).distillation().isPresent()) {
                distill();
            } else if (outcome instanceof JobOutcome.Succeeded succeeded) {
                ends.adapter(job, succeeded, work.under());
            } else if (outcome instanceof JobOutcome.Failed failed) {
                book.end(job, JobObject.FAILED, failed.message());
            } else if (outcome instanceof JobOutcome.Suspended suspended) {
                suspend(suspended);
            } else {
                book.end(job, JobObject.CANCELLED, "The job was cancelled.");
            }
        };
        news.tellLast(conclusion, left);
    }

    private void makeBase(JobOutcome.Succeeded outcome) {
        if (JobObject.ended(job)) {
            left.run();
            return;
        }
        number(metrics::flush);
        var unused = ends.writeBase(job, outcome)
                .whenComplete((place, failure) -> news.tellLast(() -> ends.base(job, outcome, place, failure), left));
    }

    /** What is left to do is done with the last checkpoint, so that it can be done again. */
    private void distill() throws IOException {
        if (results.hasCheckpoint(job, work.totalSteps())) {
            goOnAfterwards();
        } else {
            book.pauseUntilMended(job, "The last checkpoint could not be written");
        }
    }

    private void suspend(JobOutcome.Suspended outcome) throws IOException {
        int step = outcome.checkpoint().map(JobCheckpoint::step).orElse(0);
        // Before its first step a job begins again just as well.
        if (step > 0) {
            keep(outcome.checkpoint().orElseThrow());
        }
        if (JobObject.status(job).equals(JobObject.PAUSED)) {
            book.say(job, "info", "The job is paused after step " + step + ".");
        }
    }
}
