package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.made.NewBase;
import io.tandem.scheduler.JobEngine;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.FinetuneConfig;
import io.tandem.server.finetune.data.JobData;
import io.tandem.server.finetune.data.JobReaders;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.results.JobEnds;
import io.tandem.server.finetune.results.JobResults;
import io.tandem.server.finetune.run.JobLaunch;
import io.tandem.server.finetune.run.TrainingAccount;
import io.tandem.server.finetune.state.JobBook;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.finetune.state.JobThread;
import io.tandem.server.finetune.writing.WritingSource;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.SafeName;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs from their request to their adapter.
 *
 * <p>Neither event loops nor the engine ever wait for a disk: one thread keeps the books ({@link JobThread}), others read
 * training files ({@link JobReaders}), another one looks things up. A job is reported as succeeded only after its adapter
 * is on disk and can be called. A job that was not finished when the process ended, in whatever way, goes on from its
 * last checkpoint.
 */
public final class JobService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobService.class);

    private final TrainingSetup setup;
    private final JobEngine engine;
    private final Function<TenantId, AdapterLibrary> libraries;
    private final Function<TenantId, FileStore> files;
    private final JobStore jobs;
    private final JobResults results;
    private final JobBook book;
    private final JobThread thread = new JobThread();
    private final JobReaders readers = new JobReaders();
    private final ExecutorService lookups =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "fine-tuning-lookups"));
    private final JobLaunch launch;
    private final TrainingAccount account;

    public JobService(
            TrainingSetup setup,
            JobEngine engine,
            Function<TenantId, AdapterLibrary> libraries,
            Stores stores,
            FinetuneConfig config,
            Clock clock,
            TrainingAccount account,
            Function<TenantId, WritingSource> sources) {
        this.account = account;
        this.setup = setup;
        this.engine = engine;
        this.libraries = libraries;
        this.files = stores.files();
        this.jobs = stores.jobs();
        this.results = new JobResults(files, jobs, stores.checkpoints(), stores.adapters(), libraries, config);
        this.book = new JobBook(jobs, clock, results::thinOut);
        JobEnds ends = new JobEnds(book, results, setup, readers);
        this.launch = new JobLaunch(setup, engine, book, results, readers, thread, account, ends, sources);
    }

    /**
     * What is behind the jobs.
     *
     * @param files of a tenant
     */
    public record Stores(
            Function<TenantId, FileStore> files, JobStore jobs, CheckpointStore checkpoints, AdapterStore adapters) {}

    /** Brings back the jobs of earlier runs, so many; those that were interrupted go on once their files are read. */
    public CompletableFuture<Integer> restore() {
        return thread.ask(() -> {
            book.load();
            for (ObjectNode job : book.all()) {
                publishCheckpoints(job);
                if (JobObject.ended(job)) {
                    results.thinOut(job);
                }
                launch.begin(job);
            }
            return book.all().size();
        });
    }

    private void publishCheckpoints(ObjectNode job) {
        try {
            if (JobObject.isOf(job, setup.model())) {
                results.publishCheckpoints(job);
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("checkpoints of job {} cannot be called", JobObject.id(job), e);
        }
    }

    /** Says what a job with this body would do; creates none. Cancelling it ends it. */
    public CompletableFuture<ObjectNode> dryRun(TenantId tenant, JsonBody body) {
        JobSpec spec = setup.device().largest(JobSpec.parse(body).alternatives());
        return readers.dryRun(() -> {
            JobSpec.requireSmall(body);
            requireThere(tenant, spec);
            FrozenAdapters frozen = spec.frozen(libraries.apply(tenant)).requireBelow(spec.method());
            JobData data = JobData.read(spec, frozen, files.apply(tenant)::open, setup);
            return new DryRun(spec, data, frozen, setup.device())
                    .answer(setup.model().tokenizer());
        });
    }

    /** Native memory that training is planned to take now: what all jobs share, and each open job's own. */
    public long plannedBytes() {
        return launch.plannedBytes();
    }

    private void requireThere(TenantId tenant, JobSpec spec) throws IOException {
        String model = setup.model().name();
        if (libraries.apply(tenant).find(spec.model()).isPresent()) {
            throw ApiException.invalid(
                    "model",
                    "'model' must be the base model '" + model + "'. To train on from '" + spec.model()
                            + "', name it in the hyperparameter 'under': [\"" + spec.model()
                            + "\"] (tandem finetune --under); the new model answers together with it.");
        }
        if (!spec.model().equals(model)) {
            throw ApiException.notFound("model", "model_not_found", "'model' must be the base model '" + model + "'.");
        }
        requireFile(tenant, "training_file", spec.trainingFile());
        if (spec.validationFile().isPresent()) {
            requireFile(tenant, "validation_file", spec.validationFile().get());
        }
    }

    /** Creates a job; its files are validated, and it is queued, afterwards. */
    public CompletableFuture<ObjectNode> create(TenantId tenant, JsonBody body) {
        JobSpec spec = JobSpec.parse(body);
        return thread.ask(() -> {
            JobSpec.requireSmall(body);
            requireThere(tenant, spec);
            requireBase(spec);
            for (JobSpec alternative : spec.alternatives()) {
                setup.device().requireTeacher(alternative.learning());
                setup.device().requireFits("hyperparameters", alternative.method(), alternative.optimizer());
            }
            if (!spec.method().makesBase()) {
                libraries.apply(tenant).requireRoom(openJobs(tenant));
            }
            requireTokens(tenant);
            FrozenAdapters frozen = spec.frozen(libraries.apply(tenant));
            spec.alternatives().forEach(alternative -> frozen.requireBelow(alternative.method()));
            ObjectNode job = JobObject.create(
                    tenant, spec, frozen, body.node().deepCopy(), setup.model().identity(), book.now());
            String longest = JobObject.checkpointName(job, Integer.MAX_VALUE);
            if (!SafeName.allowed(longest)) {
                throw ApiException.invalid(
                        "suffix",
                        "'suffix' is too long for the names of the job's checkpoints, as in '" + longest + "'.");
            }
            launch.makeRoom(JobObject.account(job));
            try {
                results.create(job, spec, frozen);
            } catch (NoSuchFileException e) {
                // A file that was deleted since it was looked for is refused like one that never was.
                requireThere(tenant, spec);
                throw e;
            }
            book.add(job);
            book.say(job, "info", "Created fine-tuning job: " + JobObject.id(job));
            frozen.controls()
                    .forEach((label, adapter) -> book.say(
                            job,
                            "info",
                            "Examples with the control " + label + " are learned under " + adapter.reference() + "."));
            ObjectNode answer = JobObject.shown(job);
            launch.begin(job);
            return answer;
        });
    }

    private long openJobs(TenantId tenant) {
        return book.of(tenant).stream().filter(job -> !JobObject.ended(job)).count();
    }

    private void requireBase(JobSpec spec) {
        if (spec.method().makesBase()) {
            NewBase.refusal(setup.files()).ifPresent(why -> {
                throw ApiException.invalid("peft", "'" + spec.method().name() + "' " + why + ".");
            });
        }
    }

    private void requireTokens(TenantId tenant) {
        if (account.exhausted(tenant)) {
            throw ApiException.quotaExceeded(
                    "This project has trained as many tokens today (UTC) as its quota allows; try again tomorrow.");
        }
    }

    private void requireFile(TenantId tenant, String field, String id) throws IOException {
        if (files.apply(tenant).find(id).isEmpty()) {
            throw JobData.missing(field, id);
        }
    }

    public CompletableFuture<ObjectNode> get(TenantId tenant, String id) {
        return thread.ask(() -> JobObject.shown(book.find(tenant, id)));
    }

    /** A tenant's jobs, the newest first. */
    public CompletableFuture<List<ObjectNode>> list(TenantId tenant) {
        return thread.ask(
                () -> reversed(book.of(tenant).stream().map(JobObject::shown).toList()));
    }

    /**
     * Events of a job, the newest first.
     *
     * @param after id of the event before the first wanted one; null to begin with the newest
     * @param limit most events
     */
    public CompletableFuture<List<ObjectNode>> events(TenantId tenant, String id, @Nullable String after, int limit) {
        return lookUp(
                tenant, id, () -> jobs.events(id, after, limit).orElseThrow(() -> ApiException.nothingAfter(after)));
    }

    /** Checkpoints of a job, the newest first. */
    public CompletableFuture<List<ObjectNode>> checkpoints(TenantId tenant, String id) {
        return lookUp(tenant, id, () -> results.checkpoints(id));
    }

    /** Looks something up that belongs to a job, without keeping the jobs' thread from its work. */
    private <T> CompletableFuture<T> lookUp(TenantId tenant, String id, JobThread.Question<T> question) {
        return thread.ask(() -> book.find(tenant, id)).thenApplyAsync(job -> JobThread.answer(question), lookups);
    }

    private static List<ObjectNode> reversed(List<ObjectNode> objects) {
        List<ObjectNode> copy = new ArrayList<>(objects);
        Collections.reverse(copy);
        return copy;
    }

    public CompletableFuture<ObjectNode> cancel(TenantId tenant, String id) {
        return thread.ask(() -> {
            ObjectNode job = open(tenant, id);
            book.cancel(job);
            launch.withdraw(id);
            engine.cancelJob(id);
            return JobObject.shown(job);
        });
    }

    /** See {@link JobLaunch#pause}. */
    public CompletableFuture<ObjectNode> pause(TenantId tenant, String id) {
        return thread.ask(() -> {
            ObjectNode job = open(tenant, id);
            if (!JobObject.status(job).equals(JobObject.PAUSED)) {
                launch.pause(job);
                book.say(job, "info", "The job pauses when its step has ended.");
            }
            return JobObject.shown(job);
        });
    }

    public CompletableFuture<ObjectNode> resume(TenantId tenant, String id) {
        return thread.ask(() -> {
            ObjectNode job = open(tenant, id);
            if (!JobObject.status(job).equals(JobObject.PAUSED)) {
                throw ApiException.invalid(
                        "fine_tuning_job_id", "The job is not paused: " + JobObject.status(job) + ".");
            }
            if (!JobObject.isOf(job, setup.model())) {
                throw ApiException.invalid("fine_tuning_job_id", launch.otherModel(job));
            }
            requireTokens(tenant);
            launch.makeRoom(JobObject.account(job));
            book.change(job, changed -> changed.put(JobObject.STATUS, JobObject.QUEUED));
            launch.resume(job);
            return JobObject.shown(job);
        });
    }

    /** Deletes a job that has ended, with its events and checkpoints; its models and its result file stay. */
    public CompletableFuture<ObjectNode> delete(TenantId tenant, String id) {
        return thread.ask(() -> {
            if (!JobObject.ended(book.find(tenant, id))) {
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

    /** A job that has not ended. */
    private ObjectNode open(TenantId tenant, String id) {
        ObjectNode job = book.find(tenant, id);
        if (JobObject.ended(job)) {
            throw ApiException.invalid(
                    "fine_tuning_job_id", "The job has ended already: " + JobObject.status(job) + ".");
        }
        return job;
    }

    /** Tries once more to write what could not be written. Returns at once. */
    public void saveUnsaved() {
        thread.execute(book::saveAll);
    }

    /** Finishes what has arrived. The engine should have ended before, so that jobs could leave checkpoints. */
    @Override
    public void close() {
        readers.close();
        lookups.shutdown();
        thread.closeAfter(book::saveAll);
    }
}
