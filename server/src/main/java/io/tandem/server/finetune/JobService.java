package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.MemoryPlan;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.DatasetSummary;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobMetrics;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.SafeName;
import io.tandem.server.text.ServedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs from their request to their adapter.
 *
 * <p>One thread of its own does all of it: it reads files, writes files and is the only one that touches a job object,
 * so neither event loops nor the engine ever wait for a disk. A job is reported as succeeded only after its adapter is
 * on disk and can be called. A job that was not finished when the process ended, in whatever way, goes on from its last
 * checkpoint.
 */
public final class JobService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobService.class);
    private static final long CLOSE_SECONDS = 10;

    private final ServedModel model;
    private final int maxExampleTokens;
    private final JobEngine engine;
    private final TrainingDevice device;
    private final AdapterLibrary library;
    private final FileStore files;
    private final JobStore jobs;
    private final CheckpointStore checkpoints;
    private final JobResults results;
    private final JobBook book;
    private final Clock clock;
    private final Map<String, JobRun> runs = new HashMap<>();
    private final Map<String, MemoryPlan> plans = new ConcurrentHashMap<>();
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "fine-tuning-jobs"));
    private boolean closing;

    public JobService(
            ServedModel model,
            int maxExampleTokens,
            JobEngine engine,
            TrainingDevice device,
            AdapterLibrary library,
            Stores stores,
            Clock clock) {
        this.model = model;
        this.maxExampleTokens = maxExampleTokens;
        this.engine = engine;
        this.device = device;
        this.library = library;
        this.files = stores.files();
        this.jobs = stores.jobs();
        this.checkpoints = stores.checkpoints();
        this.results = new JobResults(files, jobs, checkpoints, stores.adapters(), library);
        this.book = new JobBook(jobs, clock);
        this.clock = clock;
    }

    /** What is behind the jobs. */
    public record Stores(FileStore files, JobStore jobs, CheckpointStore checkpoints, AdapterStore adapters) {}

    private interface Question<T> {
        T answer() throws IOException;
    }

    private <T> CompletableFuture<T> ask(Question<T> question) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return question.answer();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                thread);
    }

    /** For news from the engine: what comes after the end is dropped. */
    private void later(Runnable news) {
        synchronized (thread) {
            if (!closing) {
                thread.execute(news);
            }
        }
    }

    /** Brings back the jobs of earlier runs; jobs that were interrupted go on. */
    public CompletableFuture<Void> restore() {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        book.load();
                        for (ObjectNode job : book.all()) {
                            publishCheckpoints(job);
                            begin(job);
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                thread);
    }

    private void publishCheckpoints(ObjectNode job) {
        try {
            if (JobObject.isOf(job, model)) {
                results.publishCheckpoints(job);
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("checkpoints of job {} cannot be called", JobObject.id(job), e);
        }
    }

    /** Says what a job with this body would do; creates none. */
    public CompletableFuture<ObjectNode> dryRun(JsonBody body) {
        JobSpec spec = JobSpec.parse(body);
        return ask(() -> {
            JobSpec.requireSmall(body);
            requireThere(spec);
            JobData data = JobData.read(spec, spec.below().find(library), files::open, model, maxExampleTokens);
            return new DryRun(spec, data, device).answer(model.tokenizer());
        });
    }

    /** Native memory that training is planned to take now: what all jobs share, and each open job's own. */
    public long plannedBytes() {
        return plans.values().stream().mapToLong(TrainingDevice::ownBytes).sum()
                + plans.values().stream()
                        .mapToLong(TrainingDevice::sharedBytes)
                        .max()
                        .orElse(0);
    }

    private void requireThere(JobSpec spec) throws IOException {
        if (!spec.model().equals(model.name())) {
            throw ApiException.notFound(
                    "model", "model_not_found", "'model' must be the base model '" + model.name() + "'.");
        }
        requireFile("training_file", spec.trainingFile());
        if (spec.validationFile().isPresent()) {
            requireFile("validation_file", spec.validationFile().get());
        }
    }

    /** Creates a job; its files are validated, and it is queued, afterwards. */
    public CompletableFuture<ObjectNode> create(JsonBody body) {
        JobSpec spec = JobSpec.parse(body);
        return ask(() -> {
            JobSpec.requireSmall(body);
            requireThere(spec);
            requireRoom();
            device.requireFits("hyperparameters", spec.lora(), spec.optimizer());
            FrozenAdapters frozen = spec.below().find(library);
            String id = JobObject.newId("ftjob-");
            ObjectNode job = JobObject.create(id, spec, frozen, body.node().deepCopy(), model.identity(), book.now());
            String longest = JobObject.checkpointName(job, Integer.MAX_VALUE);
            if (!SafeName.allowed(longest)) {
                throw ApiException.invalid(
                        "suffix",
                        "'suffix' is too long for the names of the job's checkpoints, as in '" + longest + "'.");
            }
            results.create(job, spec, frozen);
            book.add(job);
            book.say(job, "info", "Created fine-tuning job: " + id);
            frozen.controls()
                    .forEach((label, adapter) -> book.say(
                            job,
                            "info",
                            "Examples with the control " + label + " are learned under " + adapter.reference() + "."));
            ObjectNode answer = JobObject.shown(job);
            thread.execute(() -> begin(job));
            return answer;
        });
    }

    private void requireFile(String field, String id) throws IOException {
        if (files.find(id).isEmpty()) {
            throw JobData.missing(field, id);
        }
    }

    public CompletableFuture<ObjectNode> get(String id) {
        return ask(() -> JobObject.shown(book.find(id)));
    }

    /** All jobs, the newest first. */
    public CompletableFuture<List<ObjectNode>> list() {
        return ask(() -> reversed(book.all().stream().map(JobObject::shown).toList()));
    }

    /** Events of a job, the newest first. */
    public CompletableFuture<List<ObjectNode>> events(String id) {
        return ask(() -> {
            book.find(id);
            return reversed(jobs.events(id));
        });
    }

    /** Checkpoints of a job, the newest first. */
    public CompletableFuture<List<ObjectNode>> checkpoints(String id) {
        return ask(() -> {
            book.find(id);
            return results.checkpoints(id);
        });
    }

    private static List<ObjectNode> reversed(List<ObjectNode> objects) {
        List<ObjectNode> copy = new ArrayList<>(objects);
        Collections.reverse(copy);
        return copy;
    }

    public CompletableFuture<ObjectNode> cancel(String id) {
        return ask(() -> {
            ObjectNode job = open(id);
            book.cancel(job);
            engine.cancelJob(id);
            return JobObject.shown(job);
        });
    }

    /** Pauses a job; it holds nothing on the device once its optimizer step has ended. */
    public CompletableFuture<ObjectNode> pause(String id) {
        return ask(() -> {
            ObjectNode job = open(id);
            if (!JobObject.status(job).equals(JobObject.PAUSED)) {
                book.change(job, changed -> changed.put(JobObject.STATUS, JobObject.PAUSED));
                engine.pauseJob(id);
                book.say(job, "info", "The job pauses when its step has ended.");
            }
            return JobObject.shown(job);
        });
    }

    public CompletableFuture<ObjectNode> resume(String id) {
        return ask(() -> {
            ObjectNode job = open(id);
            if (!JobObject.status(job).equals(JobObject.PAUSED)) {
                throw ApiException.invalid(
                        "fine_tuning_job_id", "The job is not paused: " + JobObject.status(job) + ".");
            }
            requireRoom();
            if (!JobObject.isOf(job, model)) {
                throw ApiException.invalid("fine_tuning_job_id", otherModel(job));
            }
            book.change(job, changed -> changed.put(JobObject.STATUS, JobObject.QUEUED));
            Optional<JobRun> run = Optional.ofNullable(runs.get(id));
            run.ifPresentOrElse(JobRun::goOnAfterwards, () -> thread.execute(() -> begin(job)));
            return JobObject.shown(job);
        });
    }

    /** Deletes a job that has ended, with its events and checkpoints; its models and its result file stay. */
    public CompletableFuture<ObjectNode> delete(String id) {
        return ask(() -> {
            if (!JobObject.ended(book.find(id))) {
                throw ApiException.invalid(
                        "fine_tuning_job_id", "The job has not ended; cancel it before it is deleted.");
            }
            book.remove(id);
            return JsonBody.MAPPER
                    .createObjectNode()
                    .put("id", id)
                    .put("object", "fine_tuning.job")
                    .put("deleted", true);
        });
    }

    /** A job that the engine lets go of counts until it has. */
    private void requireRoom() {
        long waiting = book.all().stream()
                .filter(job -> !JobObject.ended(job)
                        && !JobObject.status(job).equals(JobObject.PAUSED)
                        && !runs.containsKey(JobObject.id(job)))
                .count();
        if (runs.size() + waiting >= engine.mostJobs()) {
            throw ApiException.tooMany(
                    engine.mostJobs()
                            + " jobs are running or waiting, more than scheduler.max-queued-jobs may not wait; try again later.");
        }
    }

    private String otherModel(ObjectNode job) {
        return "The job trains on another base model than this server has ('" + model.name()
                + "'). Start the server with the model '" + job.path("model").asText()
                + "' that the job was created with, and resume it.";
    }

    /** A job that has not ended. */
    private ObjectNode open(String id) {
        ObjectNode job = book.find(id);
        if (JobObject.ended(job)) {
            throw ApiException.invalid(
                    "fine_tuning_job_id", "The job has ended already: " + JobObject.status(job) + ".");
        }
        return job;
    }

    /** Gives a job to the engine, from its last checkpoint if it has one; not if it has ended or is paused. */
    private void begin(ObjectNode job) {
        if (JobObject.ended(job) || JobObject.status(job).equals(JobObject.PAUSED)) {
            return;
        }
        try {
            start(job);
        } catch (ApiException e) {
            book.end(job, JobObject.FAILED, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            LOG.error("job {} cannot be started", JobObject.id(job), e);
            book.end(job, JobObject.FAILED, "the job's files cannot be used: " + DiskFailure.reason(e));
        } catch (RuntimeException | Error e) {
            // Whatever it is, the other jobs go on and this one does not stay in its state for ever.
            LOG.error("job {} cannot be started", JobObject.id(job), e);
            book.end(job, JobObject.FAILED, "the job cannot be started; the server's log says why");
        }
    }

    private void start(ObjectNode job) throws IOException {
        JobSpec spec = JobObject.spec(job);
        if (!JobObject.isOf(job, model)) {
            book.status(job, JobObject.PAUSED);
            book.say(job, "error", otherModel(job));
            return;
        }
        String id = JobObject.id(job);
        FrozenAdapters frozen = results.frozen(job);
        JobData data = JobData.read(spec, frozen, file -> results.open(id, file), model, maxExampleTokens);
        // A seed that the server chose is kept.
        Settings settings =
                spec.settings(data.training().size(), job.path("seed").asLong());
        JobObject.choose(job, spec, settings);
        FinetuneJob work = new FinetuneJob(
                id,
                spec.user(),
                spec.lora(),
                frozen.under(),
                data.training(),
                data.validation(),
                settings,
                spec.weight(),
                checkpoints.latest(id));
        int step = work.resumeFrom().map(JobCheckpoint::step).orElse(0);
        book.status(job, JobObject.QUEUED);
        book.say(
                job,
                "info",
                data.training().size() + " examples, " + work.totalSteps() + " steps; the job is queued"
                        + (step == 0 ? "." : " and goes on after step " + step + "."));
        DatasetSummary summary = data.trainingSet().summary();
        MemoryPlan plan = device.requireFits("hyperparameters", spec.lora(), spec.optimizer());
        book.say(
                job,
                "info",
                summary.tokens() + " tokens an epoch, " + summary.learnedTokens() + " of them learned; "
                        + settings.epochs() + " epochs; " + summary.duplicates() + " duplicate lines, "
                        + summary.truncated() + " truncated.");
        LOG.info("memory plan of {}:\n{}", id, plan);
        plans.put(id, plan);
        JobMetrics metrics = jobs.metrics(id, work.stepsPerEpoch(), step, clock);
        JobRun run = new JobRun(job, work, book, results, metrics, this::later, () -> left(job));
        runs.put(id, run);
        engine.submit(work, run).ifPresent(rejection -> refused(job, rejection));
    }

    private void refused(ObjectNode job, Rejection rejection) {
        runs.remove(JobObject.id(job));
        plans.remove(JobObject.id(job));
        if (rejection.reason() == Rejection.Reason.SHUTTING_DOWN) {
            return;
        }
        if (rejection.reason() == Rejection.Reason.QUEUE_FULL) {
            book.status(job, JobObject.PAUSED);
            book.say(job, "warn", "The job is paused until it is resumed: " + rejection.message());
            return;
        }
        book.end(job, JobObject.FAILED, rejection.message());
    }

    private void left(ObjectNode job) {
        JobRun run = runs.remove(JobObject.id(job));
        plans.remove(JobObject.id(job));
        if (run != null && run.goesOn()) {
            begin(job);
        }
    }

    /** Finishes what has arrived. The engine should have ended before, so that jobs could leave checkpoints. */
    @Override
    public void close() {
        synchronized (thread) {
            if (!closing) {
                thread.execute(book::saveAll);
            }
            closing = true;
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("fine-tuning jobs are still being written");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
