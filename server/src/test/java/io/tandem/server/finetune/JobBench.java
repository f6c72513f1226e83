package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.JobEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.slo.LatencyReport;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.BaseModel;
import io.tandem.server.adapter.LibraryResources;
import io.tandem.server.adapter.NoDevice;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.config.FinetuneConfig;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.request.TrainingDevice;
import io.tandem.server.finetune.run.TrainingAccount;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.finetune.writing.WritingSource;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.FailingDocuments;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.UnreadableBlobs;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.SqliteDocuments;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Jobs with all their stores and without a device: a test says what the engine says. */
final class JobBench implements AutoCloseable {
    static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    private static final ServedModel SERVED = served();
    private static final String CHAT = "{\"messages\":[{\"role\":\"user\",\"content\":\"what is %d\"},"
            + "{\"role\":\"assistant\",\"content\":\"it is %d\"}]}\n";

    final Path root;
    final FileStore files;
    final AdapterLibrary library;
    private final LibraryResources resources;
    final JobService jobs;
    private final String name;
    final Engine engine = new Engine();
    private final DataDirectory data;
    /** Where the documents go. */
    final FailingDocuments documents;

    /** Where the files go. */
    final UnreadableBlobs blobs;

    private final Storage storage;
    private final TrainingDevice device;

    /** Takes every job and does nothing with it. */
    static final class Engine implements JobEngine {
        private final Map<String, JobSink> sinks = new ConcurrentHashMap<>();
        private final Map<String, FinetuneJob> work = new ConcurrentHashMap<>();
        /** What making a job's first weights does. */
        volatile UnaryOperator<FinetuneJob> preparing = UnaryOperator.identity();

        @Override
        public FinetuneJob prepare(FinetuneJob job, BaseWeights weights) {
            return preparing.apply(job);
        }

        @Override
        public Optional<Rejection> submit(FinetuneJob job, JobSink sink) {
            work.put(job.id(), job);
            sinks.put(job.id(), sink);
            return Optional.empty();
        }

        @Override
        public int mostJobs() {
            return 3;
        }

        @Override
        public void cancelJob(String jobId) {
            end(jobId, new JobOutcome.Cancelled());
        }

        @Override
        public void pauseJob(String jobId) {
            end(jobId, new JobOutcome.Suspended(Optional.empty()));
        }

        Optional<FinetuneJob> work(String jobId) {
            return Optional.ofNullable(work.get(jobId));
        }

        boolean has(String jobId) {
            return sinks.containsKey(jobId);
        }

        JobSink sink(String jobId) {
            return sinks.get(jobId);
        }

        void end(String jobId, JobOutcome outcome) {
            Optional.ofNullable(sinks.remove(jobId)).ifPresent(sink -> sink.finish(outcome));
        }
    }

    /** Of a device that always fails. */
    private static final class FailingTokens implements TokenSource {
        @Override
        public Optional<Rejection> submit(List<Submission> answers) {
            answers.get(0)
                    .sink()
                    .finish(new TokenSink.Finish(FinishReason.FAILED, 1, 0, 0, "out of memory", TokenSink.Course.NONE));
            return Optional.empty();
        }

        @Override
        public void cancel(long requestId) {}
    }

    private JobBench(Path root, ServedModel model, long trainingBytes) throws IOException {
        this.root = root;
        name = model.name();
        KernelsConfig limits =
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, 8, 256, 512, 4, 16, 512, Stash.KEEP);
        data = DataDirectory.open(this.root);
        documents = new FailingDocuments(SqliteDocuments.open(data.database(), data.uploads()));
        blobs = new UnreadableBlobs(new DiskBlobs(data.blobs()));
        storage = new Storage(documents, blobs);
        storage.sweep();
        files = StoredData.files(storage);
        AdapterStore adapters = new AdapterStore(storage, TenantId.DEFAULT, data.uploads(), MODEL.config(), 16);
        resources = new LibraryResources(
                AdaptersConfig.DEFAULT,
                new BaseModel(model.name(), model.identity()),
                1,
                new NoDevice(),
                new SimpleMeterRegistry(),
                Clock.systemUTC());
        library = new AdapterLibrary(adapters, TenantId.DEFAULT, resources);
        device = new TrainingDevice(MODEL.config(), limits, trainingBytes, () -> new LatencyReport(0, Map.of()));
        jobs = new JobService(
                new TrainingSetup(
                        model,
                        256,
                        device,
                        () -> site -> MODEL.weights().get(site + ".weight"),
                        ModelSource.open(data.jobs())),
                engine,
                tenant -> library,
                new JobService.Stores(
                        tenant -> files,
                        new JobStore(storage, data.jobs()),
                        new CheckpointStore(storage, adapters),
                        adapters),
                FinetuneConfig.DEFAULT,
                Clock.systemUTC(),
                TrainingAccount.NONE,
                tenant -> new WritingSource(new FailingTokens(), () -> 8, new AtomicLong()));
        jobs.restore().join();
    }

    /** @param data directory of a server */
    static JobBench open(Path data) throws IOException {
        return new JobBench(data, SERVED, 1L << 30);
    }

    /** @param bytes that training may take */
    static JobBench openWithMemory(Path data, long bytes) throws IOException {
        return new JobBench(data, SERVED, bytes);
    }

    /** The same on top of another base model. */
    static JobBench openWithOtherModel(Path data, String name) throws IOException {
        return new JobBench(
                data,
                new ServedModel(
                        name,
                        SERVED.shape(),
                        SERVED.contextTokens(),
                        SERVED.tokenizer(),
                        SERVED.template(),
                        SERVED.stopTokens(),
                        SERVED.sampling(),
                        "another",
                        SERVED.created()),
                1L << 30);
    }

    private static ServedModel served() {
        try {
            Path files = Files.createTempDirectory("model");
            MODEL.write(files);
            ServedModel served = ModelText.load(ModelSource.open(files), "tiny", MODEL.config(), 256);
            try (Stream<Path> written = Files.list(files)) {
                for (Path file : written.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(files);
            return served;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Adapter adapter(long seed) {
        return TinyAdapters.random(MODEL.config(), Set.of(TargetModule.Q_PROJ), 1, seed);
    }

    static JobCheckpoint checkpoint(int step) {
        return checkpoint(step, new byte[] {1, 2, 3});
    }

    /** @param state what the optimizer remembers */
    static JobCheckpoint checkpoint(int step, byte[] state) {
        return new JobCheckpoint(
                step,
                adapter(step),
                Optional.empty(),
                new OptimizerState(step, new TreeMap<>(Map.of("first", state))),
                Optional.empty(),
                Double.POSITIVE_INFINITY,
                0,
                List.of(),
                100,
                Scores.NONE,
                Optional.empty(),
                LearningState.NONE,
                Trajectories.NONE);
    }

    /** Uploads a training file; returns its id. */
    String upload() throws IOException {
        return upload(8);
    }

    /** @param examples of the file */
    String upload(int examples) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < examples; i++) {
            lines.append(String.format(CHAT, i, i));
        }
        Path upload = Files.writeString(Files.createTempFile(data.uploads(), "upload", ""), lines);
        return files.add(upload, "train.jsonl", "fine-tune", 5).path("id").asText();
    }

    /** A request for a job with a file of its own. */
    JsonBody request(String rest) throws IOException {
        return request(upload(), rest);
    }

    JsonBody request(String file, String rest) {
        return JsonBody.parse(Buffer.buffer(
                "{\"model\":\"" + name + "\",\"seed\":5,\"training_file\":\"" + file + "\"" + rest + "}"));
    }

    /** Creates a job; when this returns the engine has it, or it has failed. */
    String create(String rest) throws IOException {
        ObjectNode job = jobs.create(TenantId.DEFAULT, request(rest)).join();
        String id = job.path("id").asText();
        awaitStart(id);
        return id;
    }

    /** Waits until the engine has a job, or the job has failed or rests. */
    void awaitStart(String id) {
        ObjectNode job = job(id);
        while (!engine.has(id)
                && !JobObject.ended(job)
                && !JobObject.status(job).equals(JobObject.PAUSED)) {
            Thread.onSpinWait();
            job = job(id);
        }
    }

    /** Says that a job has ended well; when this returns the job has taken notice. */
    ObjectNode succeed(String id, long seed) {
        engine.end(id, new JobOutcome.Succeeded(adapter(seed), 6, false));
        return job(id);
    }

    ObjectNode job(String id) {
        return jobs.get(TenantId.DEFAULT, id).join();
    }

    /** The last step of the checkpoint from which the engine has begun. */
    int resumedStep(String id) {
        return engine.work(id).orElseThrow().resumeFrom().orElseThrow().step();
    }

    String status(String id) {
        return job(id).path("status").asText();
    }

    /** The messages of a job's events of one level, the oldest first. */
    List<String> said(String id, String level) {
        List<String> said = new ArrayList<>();
        for (ObjectNode event : jobs.events(TenantId.DEFAULT, id, null, 1000).join()) {
            if (event.path("level").asText().equals(level)) {
                said.add(0, event.path("message").asText());
            }
        }
        return said;
    }

    /** Native memory that one of the jobs of {@link #request} takes alone. */
    long jobBytes(JsonBody request) {
        JobSpec spec = JobSpec.parse(request);
        return device.memory(spec.method(), spec.optimizer()).total();
    }

    /** The folder of a job. */
    Path folder(String id) {
        return root.resolve("jobs").resolve(id);
    }

    @Override
    public void close() {
        jobs.close();
        resources.close();
        storage.close();
        data.close();
    }
}
