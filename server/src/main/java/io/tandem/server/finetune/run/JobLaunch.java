package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.scheduler.JobEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.dataset.DatasetSummary;
import io.tandem.server.finetune.data.JobData;
import io.tandem.server.finetune.data.JobReaders;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobDistillation;
import io.tandem.server.finetune.request.JobSearch;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.results.JobEnds;
import io.tandem.server.finetune.results.JobResults;
import io.tandem.server.finetune.run.JobDistilling.Writing;
import io.tandem.server.finetune.search.SearchProgress;
import io.tandem.server.finetune.search.SearchTable;
import io.tandem.server.finetune.search.Trial;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.finetune.state.JobThread;
import io.tandem.server.finetune.writing.UnansweredException;
import io.tandem.server.finetune.writing.WritingSource;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings jobs into the engine: reads their files elsewhere, waits until their memory is free, and hands them over. For
 * the jobs' thread.
 */
public final class JobLaunch {
    private static final Logger LOG = LoggerFactory.getLogger(JobLaunch.class);

    private final TrainingSetup setup;
    private final TrainingBudget budget;
    private final JobEngine engine;
    private final JobBook book;
    private final JobResults results;
    private final JobReaders readers;
    private final JobThread thread;
    private final TrainingAccount account;
    private final JobEnds ends;
    private final JobDistilling distilling;
    private final Map<String, CompletableFuture<?>> readings = new HashMap<>();
    /** In the order in which they were read; nobody passes, or a large job would never start. */
    private final Deque<Ready> waitingForMemory = new ArrayDeque<>();

    /** Until another job leaves the engine. */
    private final Deque<Ready> waitingForPlace = new ArrayDeque<>();

    private final Map<String, JobStay> runs = new HashMap<>();

    /**
     * A job whose files are read.
     *
     * @param trial of its search, if it is one
     * @param distilled what is left of its training file, if it has learned that
     */
    private record Ready(
            ObjectNode job,
            FinetuneJob work,
            MemoryPlan plan,
            JobData data,
            Optional<TrialTask> trial,
            Optional<DistilledFile> distilled) {
        String id() {
            return work.id();
        }

        Ready with(FinetuneJob prepared) {
            return new Ready(job, prepared, plan, data, trial, distilled);
        }

        Ready with(DistilledFile selected) {
            return new Ready(job, work, plan, data, trial, Optional.of(selected));
        }

        /** Whether the job has made its last step. */
        boolean learned() {
            return work.resumeFrom()
                    .filter(checkpoint -> checkpoint.step() == work.totalSteps())
                    .isPresent();
        }
    }

    public JobLaunch(
            TrainingSetup setup,
            JobEngine engine,
            JobBook book,
            JobResults results,
            JobReaders readers,
            JobThread thread,
            TrainingAccount account,
            JobEnds ends,
            Function<TenantId, WritingSource> sources) {
        this.account = account;
        this.ends = ends;
        this.distilling = new JobDistilling(setup, results, sources);
        this.setup = setup;
        this.budget = new TrainingBudget(setup.device().memoryBytes());
        this.engine = engine;
        this.book = book;
        this.results = results;
        this.readers = readers;
        this.thread = thread;
    }

    /** Native memory that training is planned to take now. May be asked by any thread. */
    public long plannedBytes() {
        return budget.plannedBytes();
    }

    /**
     * Finds a place for a job, if need be that of a waiting job of a user that holds more, which pauses.
     *
     * @throws ApiException if there is none
     */
    public void makeRoom(String user) throws IOException {
        List<ObjectNode> open = book.all().stream().filter(JobLaunch::isToRun).toList();
        if (open.size() < engine.mostJobs()) {
            return;
        }
        String full = "All " + engine.mostJobs()
                + " places for running and waiting jobs (scheduler.concurrent-jobs, scheduler.max-queued-jobs) are taken";
        ObjectNode other =
                JobPlaces.makesWay(open, user).orElseThrow(() -> ApiException.tooMany(full + "; try again later."));
        pause(other);
        book.say(
                other,
                "warn",
                full + ", most of them by this job's user, so it makes way for another one's. Resume it later.");
    }

    /** Pauses a job; it holds nothing on the device once its optimizer step has ended. */
    public void pause(ObjectNode job) throws IOException {
        book.change(job, changed -> changed.put(JobObject.STATUS, JobObject.PAUSED));
        withdraw(JobObject.id(job));
        engine.pauseJob(JobObject.id(job));
    }

    private static boolean isToRun(ObjectNode job) {
        return !JobObject.ended(job) && !JobObject.status(job).equals(JobObject.PAUSED);
    }

    /** Starts a job, from its last checkpoint if it has one; not if it has ended or is paused. */
    public void begin(ObjectNode job) {
        begin(job, Optional.empty());
    }

    /** @param read what the job's last stay has read already */
    private void begin(ObjectNode job, Optional<JobData> read) {
        if (!isToRun(job)) {
            return;
        }
        guarded(job, () -> {
            JobSpec spec = JobObject.spec(job);
            if (JobObject.isOf(job, setup.model())) {
                spec.search()
                        .ifPresentOrElse(
                                search -> goOnSearching(job, search, read),
                                () -> startReading(job, spec, Optional.empty(), read));
            } else {
                book.pause(job, "error", otherModel(job));
            }
        });
    }

    /** Starts the next trial of a search, or ends it. */
    private void goOnSearching(ObjectNode job, JobSearch search, Optional<JobData> read) {
        List<Trial> tried = SearchProgress.read(job);
        // A seed that the server chose is kept.
        TrialTask.next(search, tried, job.path("seed").asLong(), setup.device().model())
                .ifPresentOrElse(
                        next -> {
                            int best =
                                    SearchTable.best(tried).map(Trial::number).orElse(0);
                            tried.stream()
                                    .filter(trial -> trial.number() != best
                                            && !search.halving().goesOn(trial, next.task(), tried))
                                    .forEach(trial -> results.dropTrial(job, trial.number()));
                            startReading(job, next.spec(), Optional.of(next), read);
                        },
                        () -> conclude(job, () -> ends.searched(job, tried)));
    }

    /** Ends a job that has no more to learn, as soon as what keeps its results is there. */
    private void conclude(ObjectNode job, JobNews.News end) {
        new JobNews(job, "job " + JobObject.id(job), book, thread).tellLast(end, () -> {});
    }

    private void startReading(ObjectNode job, JobSpec spec, Optional<TrialTask> trial, Optional<JobData> read) {
        // Another thread reads while this one may change the job.
        ObjectNode unchanged = job.deepCopy();
        follow(job, readers.read(() -> read(job, unchanged, spec, trial, read)), this::enter);
    }

    private <T> void follow(ObjectNode job, CompletableFuture<T> reading, Consumer<T> next) {
        String id = JobObject.id(job);
        readings.put(id, reading);
        var unused = reading.whenComplete((result, failure) -> thread.execute(() -> {
            boolean wanted = readings.remove(id, reading) && isToRun(job);
            if (!wanted || failure instanceof RejectedExecutionException) {
                // It was cancelled or paused, or the server stops and the next one reads it again.
                return;
            }
            if (failure == null) {
                guarded(job, () -> next.accept(result));
            } else {
                budget.release(id);
                fail(job, failure);
                startWaiting();
            }
        }));
    }

    /** What a paused job of another base model is told. */
    public String otherModel(ObjectNode job) {
        return "The job trains on another base model than this server has ('"
                + setup.model().name()
                + "'). Start the server with the model '" + job.path("model").asText()
                + "' that the job was created with, and resume it.";
    }

    private Ready read(
            ObjectNode job, ObjectNode unchanged, JobSpec spec, Optional<TrialTask> trial, Optional<JobData> read)
            throws IOException {
        String id = JobObject.id(unchanged);
        FrozenAdapters frozen = results.frozen(unchanged);
        JobData data = read.isPresent()
                ? read.get()
                : JobData.read(spec, frozen, file -> results.open(unchanged, file), setup);
        // A seed that the server chose is kept.
        Settings whole =
                spec.settings(data.training().size(), unchanged.path("seed").asLong());
        int stepsPerEpoch = JobSpec.ceilDiv(data.training().size(), whole.batchSize());
        Settings settings = trial.map(
                        task -> whole.endingAfter(stepsPerEpoch * task.task().epochs()))
                .orElse(whole);
        FinetuneJob work = new FinetuneJob(
                id,
                JobObject.account(unchanged),
                spec.method(),
                frozen.under(),
                data.training(),
                data.validation(),
                settings,
                spec.weight(),
                trial.isPresent()
                        ? results.latestTrialCheckpoint(
                                unchanged, trial.get().trial().number())
                        : results.latestCheckpoint(unchanged));
        setup.device().requireShape(spec.method());
        MemoryPlan plan =
                setup.device().requireFits("hyperparameters", setup.device().memory(spec, work.totalSteps()));
        Ready ready = new Ready(job, work, plan, data, trial, Optional.empty());
        Optional<JobDistillation> selects = spec.distillation().filter(distills -> !distills.written());
        return selects.isPresent() && ready.learned()
                ? ready.with(distilling.select(unchanged, selects.get().wanted(), work, data))
                : ready;
    }

    /** The engine writes while this thread goes on; then the job ends. That takes long, so the training file is let go. */
    private void write(Ready ready, Wanted wanted) {
        ObjectNode job = ready.job();
        book.status(job, JobObject.RUNNING);
        if (readers.writersBusy()) {
            book.say(job, "info", "The job writes when one of the " + JobReaders.WRITERS + " that do now has ended.");
        }
        Writing writing = Writing.of(job.deepCopy(), wanted, ready.work(), ready.data());
        CompletableFuture<DistilledFile> written =
                readers.write(() -> distilling.write(writing, message -> tell(job, message)));
        follow(job, written, file -> conclude(job, () -> ends.distilled(job, writing.last(), writing.under(), file)));
    }

    /** Says from another thread how far a job is. */
    private void tell(ObjectNode job, String message) {
        thread.execute(() -> {
            if (isToRun(job)) {
                book.say(job, "info", message);
            }
        });
    }

    private void enter(Ready ready) {
        ObjectNode job = ready.job();
        FinetuneJob work = ready.work();
        if (ready.distilled().isPresent()) {
            JobCheckpoint last = work.resumeFrom().orElseThrow();
            DistilledFile distilled = ready.distilled().get();
            conclude(job, () -> ends.distilled(job, last, work.under(), distilled));
            return;
        }
        Optional<JobDistillation> writes = JobObject.spec(job).distillation();
        if (writes.isPresent() && ready.learned()) {
            write(ready, writes.get().wanted());
            return;
        }
        JobObject.choose(job, JobObject.spec(job), work.settings());
        book.status(job, JobObject.QUEUED);
        if (ready.trial().isEmpty() || SearchProgress.read(job).isEmpty()) {
            describe(ready);
        }
        LOG.debug("memory plan of {}:\n{}", ready.id(), ready.plan());
        waitingForMemory.addLast(ready);
        startWaiting();
        if (waitingForMemory.contains(ready)) {
            book.say(
                    job,
                    "info",
                    "The job starts when other jobs have given back enough of the training memory (training-memory-bytes).");
        }
    }

    private void describe(Ready ready) {
        ObjectNode job = ready.job();
        FinetuneJob work = ready.work();
        int step = work.resumeFrom().map(JobCheckpoint::step).orElse(0);
        book.say(
                job,
                "info",
                work.training().size() + " examples, " + work.totalSteps() + " steps; the job is queued"
                        + (step == 0 ? "." : " and goes on after step " + step + "."));
        DatasetSummary summary = ready.data().trainingSet().summary();
        book.say(
                job,
                "info",
                summary.tokens() + " tokens an epoch, " + summary.learnedTokens() + " of them learned; "
                        + work.settings().epochs() + " epochs; " + summary.duplicates() + " duplicate lines, "
                        + summary.truncated() + " truncated.");
    }

    private void startWaiting() {
        while (!waitingForMemory.isEmpty()
                && budget.reserve(
                        waitingForMemory.getFirst().id(),
                        waitingForMemory.getFirst().plan())) {
            Ready ready = waitingForMemory.removeFirst();
            guarded(ready.job(), () -> prepare(ready));
        }
    }

    /** Makes the first weights only now, because a job that waits need not have them in memory. */
    private void prepare(Ready ready) {
        if (ready.work().start().isPresent()) {
            submit(ready);
            return;
        }
        CompletableFuture<Ready> preparing = readers.prepare(() -> {
            try {
                return ready.with(engine.prepare(ready.work(), weights(ready)));
            } catch (IllegalArgumentException e) {
                throw new AdapterFormatException("its adapter cannot be trained here: " + e.getMessage(), e);
            }
        });
        follow(ready.job(), preparing, this::submit);
    }

    private FirstWeights weights(Ready ready) {
        ModelConfig model = setup.device().model();
        long modules = ready.work().method().config().sites(model).size();
        return new FirstWeights(setup.weights(), modules, System::nanoTime, message -> tell(ready.job(), message));
    }

    private void submit(Ready ready) {
        ObjectNode job = ready.job();
        FinetuneJob work = ready.work();
        int step = work.resumeFrom().map(JobCheckpoint::step).orElse(0);
        JobRun.Trained trained = tokens -> trained(job, tokens);
        // All trials of a search learn the same, and a file that is distilled is looked at again.
        boolean needed =
                ready.trial().isPresent() || JobObject.spec(job).distillation().isPresent();
        Optional<JobData> read = needed ? Optional.of(ready.data()) : Optional.empty();
        Runnable left = () -> left(job, read);
        JobStay run = ready.trial().isPresent()
                ? new TrialRun(job, ready.trial().get(), work.started(), book, results, thread, trained, left)
                : new JobRun(job, work.started(), book, results, book.table(work, step), thread, trained, ends, left);
        runs.put(ready.id(), run);
        engine.submit(work, run).ifPresent(rejection -> refused(ready, rejection));
    }

    /** A job whose tenant has used up its tokens makes way, with what it has learned. */
    private void trained(ObjectNode job, long tokens) throws IOException {
        TenantId tenant = JobObject.tenant(job);
        account.trained(tenant, JobObject.modelName(job), tokens);
        if (account.exhausted(tenant) && isToRun(job)) {
            pause(job);
            book.say(
                    job,
                    "warn",
                    "The project has trained as many tokens today (UTC) as its quota allows, so the job pauses. Resume it"
                            + " tomorrow.");
        }
    }

    private void refused(Ready ready, Rejection rejection) {
        ObjectNode job = ready.job();
        runs.remove(ready.id());
        budget.release(ready.id());
        if (rejection.reason() == Rejection.Reason.SHUTTING_DOWN) {
            return;
        }
        if (rejection.reason() == Rejection.Reason.QUEUE_FULL && !runs.isEmpty()) {
            // One that pauses has still a place in the engine.
            waitingForPlace.addLast(ready);
            return;
        }
        if (rejection.reason() == Rejection.Reason.QUEUE_FULL) {
            book.pause(job, "warn", "The job is paused until it is resumed: " + rejection.message());
            return;
        }
        book.end(job, JobObject.FAILED, rejection.message());
    }

    private void left(ObjectNode job, Optional<JobData> read) {
        JobStay run = runs.remove(JobObject.id(job));
        budget.release(JobObject.id(job));
        while (!waitingForPlace.isEmpty()) {
            waitingForMemory.addFirst(waitingForPlace.removeLast());
        }
        startWaiting();
        if (run != null && run.goesOn()) {
            begin(job, read);
        }
    }

    /** Starts a paused job, once the engine has let go of it. */
    public void resume(ObjectNode job) {
        Optional.ofNullable(runs.get(JobObject.id(job))).ifPresentOrElse(JobStay::goOnAfterwards, () -> begin(job));
    }

    /** Gives up what a job that was cancelled or paused still waits for. */
    public void withdraw(String id) {
        Optional.ofNullable(readings.remove(id)).ifPresent(reading -> {
            reading.cancel(true);
            budget.release(id);
            startWaiting();
        });
        waitingForPlace.removeIf(ready -> ready.id().equals(id));
        if (waitingForMemory.removeIf(ready -> ready.id().equals(id))) {
            startWaiting();
        }
    }

    private void guarded(ObjectNode job, Runnable start) {
        try {
            start.run();
        } catch (RuntimeException | Error e) {
            budget.release(JobObject.id(job));
            fail(job, e);
        }
    }

    /** The other jobs go on. This one fails for what is wrong with it, and pauses for what is wrong with the server. */
    private void fail(ObjectNode job, Throwable failure) {
        Optional<IOException> hindrance = DiskFailure.hindrance(failure);
        if (hindrance.isPresent()) {
            LOG.error("the files of job {} cannot be read", JobObject.id(job), failure);
            book.pauseUntilMended(
                    job, "The job's files cannot be read for now: " + DiskFailure.reason(hindrance.get()));
        } else if (failure instanceof ApiException || failure instanceof AdapterFormatException) {
            book.end(job, JobObject.FAILED, String.valueOf(failure.getMessage()));
        } else if (failure instanceof UnansweredException) {
            String what = "The examples could not be written: " + failure.getMessage();
            book.pause(job, "error", what + ". The job is paused; resume it to write those that are missing.");
        } else {
            LOG.error("job {} cannot be started", JobObject.id(job), failure);
            book.end(
                    job,
                    JobObject.FAILED,
                    failure instanceof IOException disk
                            ? "the job's files are missing or damaged: " + DiskFailure.reason(disk)
                            : "the job cannot be started; the server's log says why");
        }
    }
}
