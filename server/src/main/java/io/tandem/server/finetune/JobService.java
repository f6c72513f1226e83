package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.adapter.AdapterRegistry;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.InvalidDataset;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import io.tandem.server.text.ServedModel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs from their request to their adapter.
 *
 * <p>One thread of its own does all of it: it reads files, writes files and is the only one that touches a job object,
 * so neither event loops nor the engine ever wait for a disk. A job is reported as succeeded only after its adapter is
 * on disk and can be called. A job that was not finished when the process ended starts again from its beginning.
 */
public final class JobService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobService.class);
    private static final long CLOSE_SECONDS = 10;

    private final ServedModel model;
    private final int maxExampleTokens;
    private final JobEngine engine;
    private final AdapterRegistry registry;
    private final FileStore files;
    private final JobStore jobs;
    private final AdapterStore adapters;
    private final Clock clock;
    private final Map<String, ObjectNode> objects = new LinkedHashMap<>();
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "fine-tuning-jobs"));
    private boolean closing;

    public JobService(
            ServedModel model,
            int maxExampleTokens,
            JobEngine engine,
            AdapterRegistry registry,
            Stores stores,
            Clock clock) {
        this.model = model;
        this.maxExampleTokens = maxExampleTokens;
        this.engine = engine;
        this.registry = registry;
        this.files = stores.files();
        this.jobs = stores.jobs();
        this.adapters = stores.adapters();
        this.clock = clock;
    }

    /** What is behind the jobs. */
    public record Stores(FileStore files, JobStore jobs, AdapterStore adapters) {}

    /** Brings back adapters and jobs of earlier runs; unfinished jobs begin again. */
    public CompletableFuture<Void> restore() {
        return ask(() -> {
            try {
                adapters.loadAll().forEach(registry::publish);
                for (ObjectNode job : jobs.loadAll()) {
                    objects.put(job.path("id").asText(), job);
                }
                for (ObjectNode job : List.copyOf(objects.values())) {
                    if (!JobObject.ended(job)) {
                        say(job, "warn", "The server was restarted; the job begins again.");
                        begin(job);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return null;
        });
    }

    /** Creates a job; it is validated and queued afterwards. */
    public CompletableFuture<ObjectNode> create(JsonBody body) {
        JobSpec spec = JobSpec.parse(body);
        return ask(() -> {
            if (!spec.model().equals(model.name())) {
                throw ApiException.notFound(
                        "model", "model_not_found", "'model' must be the base model '" + model.name() + "'.");
            }
            requireFile(spec.trainingFile());
            String id = "ftjob-" + UUID.randomUUID().toString().replace("-", "").substring(0, 24);
            ObjectNode job = JobObject.create(id, spec, body.node().deepCopy(), now());
            objects.put(id, job);
            save(job);
            say(job, "info", "Created fine-tuning job: " + id);
            ObjectNode answer = job.deepCopy();
            thread.execute(() -> begin(job));
            return shown(answer);
        });
    }

    private void requireFile(String id) {
        try {
            if (files.find(id).isEmpty()) {
                throw ApiException.invalid("training_file", "'training_file': there is no file '" + id + "'.");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public CompletableFuture<ObjectNode> get(String id) {
        return ask(() -> shown(find(id).deepCopy()));
    }

    /** All jobs, the newest first. */
    public CompletableFuture<List<ObjectNode>> list() {
        return ask(() -> {
            List<ObjectNode> all = new ArrayList<>();
            objects.values().forEach(job -> all.add(shown(job.deepCopy())));
            Collections.reverse(all);
            return all;
        });
    }

    /** Events of a job, the newest first. */
    public CompletableFuture<List<ObjectNode>> events(String id) {
        return ask(() -> {
            find(id);
            try {
                List<ObjectNode> events = new ArrayList<>(jobs.events(id));
                Collections.reverse(events);
                return events;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    public CompletableFuture<ObjectNode> cancel(String id) {
        return ask(() -> {
            ObjectNode job = find(id);
            if (JobObject.ended(job)) {
                throw ApiException.invalid(
                        "fine_tuning_job_id",
                        "The job has ended already: "
                                + job.path(JobObject.STATUS).asText() + ".");
            }
            engine.cancelJob(id);
            end(job, JobObject.CANCELLED, "The job was cancelled.");
            return shown(job.deepCopy());
        });
    }

    private ObjectNode find(String id) {
        return Optional.ofNullable(objects.get(id))
                .orElseThrow(() -> ApiException.notFound(
                        "fine_tuning_job_id", "job_not_found", "There is no fine-tuning job '" + id + "'."));
    }

    private static ObjectNode shown(ObjectNode job) {
        job.remove("request");
        return job;
    }

    private void begin(ObjectNode job) {
        if (JobObject.ended(job)) {
            return;
        }
        try {
            JobSpec spec = JobSpec.parse(JsonBody.inside((ObjectNode) job.path("request"), "request"));
            List<Sequence> examples = examples(spec.trainingFile());
            Settings settings = spec.settings(examples.size());
            // A seed that the server chose is kept when the job begins again.
            Settings seeded = new Settings(
                    settings.epochs(),
                    settings.batchSize(),
                    settings.learningRate(),
                    settings.warmupSteps(),
                    settings.schedule(),
                    job.path("seed").asLong(),
                    settings.optimizer());
            JobObject.choose(job, seeded);
            String id = job.path("id").asText();
            FinetuneJob work = new FinetuneJob(id, spec.user(), spec.lora(), examples, seeded);
            job.put(JobObject.STATUS, JobObject.QUEUED);
            save(job);
            say(job, "info", examples.size() + " examples, " + work.totalSteps() + " steps; the job is queued.");
            engine.submit(work, new Receiver(job))
                    .ifPresent(rejection -> end(job, JobObject.FAILED, rejection.message()));
        } catch (IOException | ApiException e) {
            end(job, JobObject.FAILED, String.valueOf(e.getMessage()));
        }
    }

    private List<Sequence> examples(String file) throws IOException {
        try (InputStream in = Files.newInputStream(files.content(file))) {
            DatasetReader.Result result = new DatasetReader(model, maxExampleTokens, false).read(in);
            if (result instanceof InvalidDataset invalid) {
                throw ApiException.invalid(
                        "training_file",
                        "The training file has " + invalid.count() + " wrong lines: "
                                + String.join("; ", invalid.reasons()));
            }
            if (result instanceof Dataset.Supervised supervised) {
                return supervised.examples().stream()
                        .map(Dataset.Example::sequence)
                        .toList();
            }
            throw ApiException.invalid(
                    "training_file", "The training file has preference pairs, which supervised training cannot use.");
        }
    }

    /** Passes the engine's news on to this service's thread. */
    private final class Receiver implements JobSink {
        private final ObjectNode job;
        private long tokens;

        Receiver(ObjectNode job) {
            this.job = job;
        }

        @Override
        public void start() {
            tell(() -> {
                job.put(JobObject.STATUS, JobObject.RUNNING);
                save(job);
                say(job, "info", "The job trains.");
            });
        }

        @Override
        public void step(StepReport report) {
            tell(() -> {
                tokens += report.trainedTokens();
                job.put("trained_tokens", tokens);
                metrics(job, report);
            });
        }

        @Override
        public void finish(JobOutcome outcome) {
            tell(() -> {
                if (outcome instanceof JobOutcome.Succeeded succeeded) {
                    succeed(job, succeeded.adapter());
                } else if (outcome instanceof JobOutcome.Failed failed) {
                    end(job, JobObject.FAILED, failed.message());
                } else {
                    end(job, JobObject.CANCELLED, "The job was cancelled.");
                }
            });
        }

        private void tell(Runnable news) {
            synchronized (thread) {
                if (!closing) {
                    thread.execute(() -> {
                        if (!JobObject.ended(job)) {
                            news.run();
                        }
                    });
                }
            }
        }
    }

    private void metrics(ObjectNode job, StepReport report) {
        String message = "Step " + report.step() + "/" + report.totalSteps() + ": training loss="
                + String.format(java.util.Locale.ROOT, "%.4f", report.loss());
        ObjectNode event = JobObject.event(eventId(), now(), "info", message);
        event.put("type", "metrics");
        ObjectNode values = event.putObject("data");
        values.put("step", report.step());
        values.put("total_steps", report.totalSteps());
        values.put("train_loss", report.loss());
        values.put("learning_rate", report.learningRate());
        values.put("gradient_norm", report.gradientNorm());
        values.put("tokens", report.trainedTokens());
        append(job, event);
    }

    private void succeed(ObjectNode job, Adapter adapter) {
        String suffix = job.path("request").path("suffix").asText("adapter");
        String id = job.path("id").asText();
        String name = "ft:" + model.name() + ":" + suffix + ":" + id.substring(id.length() - 8);
        try {
            adapters.save(name, adapter);
        } catch (IOException e) {
            end(job, JobObject.FAILED, "the adapter could not be written: " + e.getMessage());
            return;
        }
        registry.publish(name, adapter);
        job.put("fine_tuned_model", name);
        end(job, JobObject.SUCCEEDED, "The job has succeeded; the new model is '" + name + "'.");
    }

    private void end(ObjectNode job, String status, String message) {
        job.put(JobObject.STATUS, status);
        job.put("finished_at", now());
        if (status.equals(JobObject.FAILED)) {
            ObjectNode error = job.putObject("error");
            error.put("code", "job_failed");
            error.put("message", message);
            error.putNull("param");
        }
        save(job);
        say(job, status.equals(JobObject.FAILED) ? "error" : "info", message);
    }

    private void say(ObjectNode job, String level, String message) {
        append(job, JobObject.event(eventId(), now(), level, message));
    }

    private void append(ObjectNode job, ObjectNode event) {
        try {
            jobs.append(job.path("id").asText(), event);
        } catch (IOException e) {
            LOG.error("an event of job {} could not be written", job.path("id").asText(), e);
        }
    }

    private void save(ObjectNode job) {
        try {
            jobs.save(job);
        } catch (IOException e) {
            LOG.error("job {} could not be written", job.path("id").asText(), e);
        }
    }

    private static String eventId() {
        return "ftevent-" + UUID.randomUUID().toString().replace("-", "").substring(0, 24);
    }

    private long now() {
        return clock.instant().getEpochSecond();
    }

    private <T> CompletableFuture<T> ask(Supplier<T> question) {
        return CompletableFuture.supplyAsync(question, thread);
    }

    /** Finishes what has arrived; jobs that still train begin again when the server is started again. */
    @Override
    public void close() {
        synchronized (thread) {
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
