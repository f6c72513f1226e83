package io.tandem.server;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.decoder.TorchScriptDecoder;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.scheduler.CoServingEngine;
import io.tandem.scheduler.loop.IterationLoop;
import io.tandem.server.adapter.AdapterCompression;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.AdapterMerges;
import io.tandem.server.adapter.AdapterProbe;
import io.tandem.server.adapter.AdapterSources;
import io.tandem.server.adapter.AdapterTransfer;
import io.tandem.server.adapter.AdapterValidation;
import io.tandem.server.adapter.Adapters;
import io.tandem.server.adapter.BaseModel;
import io.tandem.server.adapter.LibraryResources;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.api.TenantId;
import io.tandem.server.batch.BatchService;
import io.tandem.server.config.HttpAccess;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.config.SourcesConfig;
import io.tandem.server.finetune.JobService;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.data.ValidationScores;
import io.tandem.server.finetune.request.TrainingDevice;
import io.tandem.server.finetune.writing.WritingSource;
import io.tandem.server.http.AccessLog;
import io.tandem.server.http.AnswerSyntax;
import io.tandem.server.http.BatchVerticle;
import io.tandem.server.http.Routes;
import io.tandem.server.http.TextWork;
import io.tandem.server.http.Uploads;
import io.tandem.server.metrics.Capacity;
import io.tandem.server.metrics.CoServingMetrics;
import io.tandem.server.metrics.LatencyMetrics;
import io.tandem.server.metrics.VllmMetrics;
import io.tandem.server.metrics.VllmNaming;
import io.tandem.server.operation.Closing;
import io.tandem.server.operation.Drain;
import io.tandem.server.operation.Readiness;
import io.tandem.server.operation.Watchdog;
import io.tandem.server.remote.AdapterFetch;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.BatchStore;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.TenantFiles;
import io.tandem.server.storage.TenantStore;
import io.tandem.server.storage.UsageStore;
import io.tandem.server.tenant.RateLimits;
import io.tandem.server.tenant.Tenants;
import io.tandem.server.tenant.TrainingUsage;
import io.tandem.server.tenant.Usage;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.constrained.Grammars;
import io.tandem.server.trace.Traces;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one place that makes the long-lived things and knows the order in which they end: first the engine thread, which
 * lets nobody in and leaves a checkpoint of every job, then the jobs' thread, which writes them, then the device.
 */
public final class Application implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Application.class);
    /** For all parts together; docs/operations.md promises more. */
    private static final Duration CLOSE = Duration.ofSeconds(70);

    private static final Duration STOP = Duration.ofSeconds(20);
    private static final double MAX_IDLE_CHECK_MILLIS = 60_000;
    private static final long EXPIRY_MILLIS = 600_000;
    /** What a crash loses of what was counted. */
    private static final long USAGE_MILLIS = 60_000;

    /** After a failure of the database or the disk. */
    private static final long UNSAVED_MILLIS = 5_000;

    /** What adapters are tried on when they come; any text does. */
    private static final String PROBE = "The quick brown fox";

    /** Nothing is served from the class path, so a process that is killed leaves no cache of it behind. */
    private static final FileSystemOptions NO_CACHE =
            new FileSystemOptions().setClassPathResolvingEnabled(false).setFileCachingEnabled(false);

    private final DataDirectory data;
    private final Storage storage;
    private final Tenants tenants;
    private final Usage usage;
    private final DeviceModel device;
    private final ServedModel model;
    private final Grammars grammars;
    private final CoServingEngine engine;
    private final Thread engineThread;
    private final JobService jobs;
    private final BatchService batches;
    private final BatchVerticle rows;
    private final Vertx vertx;
    private final String url;
    private final TenantAdapters adapters;
    private final Watchdog watchdog;
    private final Traces traces;
    private final Readiness readiness;
    private final Listeners listeners;
    private volatile boolean closing;

    private Application(ServerConfig config, Map<String, String> environment, LoadProgress loading) throws IOException {
        traces = Traces.of(environment, Main.number());
        data = DataDirectory.open(config.data());
        storage = open(config, environment, data);
        tenants = new Tenants(
                new TenantStore(storage),
                config.http().access().apiKey(),
                config.http().access().jwt().isPresent(),
                Clock.systemUTC());
        usage = new Usage(new UsageStore(storage), Clock.systemUTC());
        String address;
        try {
            address = ListenAddress.resolve(config.http(), tenants.locked());
            ListenAddress.requireFree(address, config.http().port());
        } catch (IOException e) {
            storage.close();
            data.close();
            throw e;
        }
        Files.createDirectories(config.adapterRoot());
        ModelFiles base = ModelSource.open(config.model());
        device = TorchScriptDecoder.load(base, config.scheduler().deviceLimits(config.kernels()), loading);
        int context = device.limits().contextTokens();
        model = text(config, base, device.model(), context);
        grammars = new Grammars(model);
        PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        meters.config().namingConvention(new VllmNaming());
        engine = new CoServingEngine(
                device, config.scheduler(), System::nanoTime, metrics(meters, config), tenants::weight);
        watchdog = new Watchdog(engine::iterationNanos, config.operation().stallSeconds(), meters);
        readiness = new Readiness(engine::healthy, watchdog::stall);
        bind(meters);
        TenantFiles files = new TenantFiles(storage);
        AtomicLong nextRequestId = new AtomicLong(1);
        int maxRank = device.limits().maxRank();
        int maxExampleTokens = Math.min(context, device.limits().packTokens());
        long trainingBytes = trainingMemory(config.trainingMemoryBytes());
        TrainingDevice training = new TrainingDevice(device.model(), device.limits(), trainingBytes, engine::latency);
        TrainingSetup setup = new TrainingSetup(
                model, maxExampleTokens, training, () -> BaseWeights.of(base.weights(), device.model()), base);
        adapters = adapters(config, environment, setup, files, meters, nextRequestId);
        // Read before anybody asks, on a thread that may wait.
        tenants.ids().forEach(adapters::of);
        AdapterStore store = new AdapterStore(storage, TenantId.DEFAULT, data.uploads(), device.model(), maxRank);
        RateLimits limits = new RateLimits(tenants::quota, usage, Clock.systemUTC());
        jobs = new JobService(
                setup,
                traces.jobs(engine),
                tenant -> adapters.of(tenant).library(),
                new JobService.Stores(
                        files::of, new JobStore(storage, data.jobs()), new CheckpointStore(storage, store), store),
                config.finetune(),
                Clock.systemUTC(),
                new TrainingUsage(usage, tenants::quota),
                tenant -> new WritingSource(
                        limits.admitted(tenant, engine.bestEffort(), model.name()),
                        () -> limits.atOnce(tenant),
                        nextRequestId));
        batches = new BatchService(
                new BatchStore(storage), files::of, config.batches(), Clock.systemUTC(), limits::atOnce);
        Gauge.builder("tandem.batch.rows.waiting", batches, BatchService::waitingRows)
                .description("rows of batches that have not ended")
                .register(meters);
        Gauge.builder("tandem.training.memory.planned", jobs, JobService::plannedBytes)
                .description("native memory that the open jobs are planned to take")
                .baseUnit("bytes")
                .register(meters);
        engineThread = new Thread(engine, "engine");
        engineThread.start();
        vertx = traces.vertx(new VertxOptions().setFileSystemOptions(NO_CACHE));
        try {
            listeners = new Listeners(vertx, config.http(), tenants, meters);
        } catch (IOException e) {
            close();
            throw e;
        }
        Routes.Targets targets = new Routes.Targets(
                model,
                traces.tokens(engine),
                grammars,
                AnswerSyntax.of(config.parsers(), model.template()),
                nextRequestId,
                adapters,
                jobs,
                batches,
                files,
                maxRank,
                Uploads.to(data.uploads(), config.http().uploadRate(), tenants, vertx),
                config.http(),
                tenants,
                listeners.tokens(),
                new AccessLog(config.operation().accessLog()),
                limits,
                usage,
                new TextWork(vertx),
                readiness,
                Main.number(),
                meters::scrape,
                Clock.systemUTC());
        rows = new BatchVerticle(targets, engine.bestEffort());
        try {
            listeners.listen(address, targets);
            Listeners.await(vertx.deployVerticle(rows));
        } catch (IOException e) {
            close();
            throw e;
        }
        url = listeners.scheme() + "://" + HttpAccess.bracketed(address) + ":" + listeners.port();
        StartupLog.write(config, device, model, trainingBytes, url);
        vertx.setPeriodic(
                EXPIRY_MILLIS,
                timer -> vertx.executeBlocking(() -> {
                    files.deleteExpired(tenants.ids());
                    tenants.saveLastUse();
                    return null;
                }));
        vertx.setPeriodic(UNSAVED_MILLIS, timer -> jobs.saveUnsaved());
        vertx.setPeriodic(
                USAGE_MILLIS,
                timer -> vertx.executeBlocking(() -> {
                            usage.save();
                            return null;
                        })
                        .onFailure(failure -> LOG.warn("usage is not stored: {}", failure.toString())));
        if (config.adapters().compressAfterSeconds() > 0) {
            compressIdleLater((long) Math.ceil(
                    Math.min(MAX_IDLE_CHECK_MILLIS, 500 * config.adapters().compressAfterSeconds())));
        }
    }

    private static Storage open(ServerConfig config, Map<String, String> environment, DataDirectory data)
            throws IOException {
        try {
            return Stores.open(config.storage(), environment, data);
        } catch (IOException | RuntimeException e) {
            data.close();
            throw e;
        }
    }

    private CoServingMetrics metrics(PrometheusMeterRegistry meters, ServerConfig config) {
        Capacity.bind(meters, device.limits(), config.scheduler());
        int kvBudget = IterationLoop.kvBudget(device, config.scheduler());
        return new CoServingMetrics(meters, new VllmMetrics(meters, model.name(), kvBudget));
    }

    /** What each tenant can do with adapters of its own. */
    private TenantAdapters adapters(
            ServerConfig config,
            Map<String, String> environment,
            TrainingSetup setup,
            TenantFiles files,
            PrometheusMeterRegistry meters,
            AtomicLong nextRequestId) {
        LibraryResources resources = new LibraryResources(
                config.adapters(),
                new BaseModel(model.name(), model.identity()),
                config.scheduler().servedAdapters(device.limits()),
                engine,
                meters,
                Clock.systemUTC());
        AdapterProbe probe =
                new AdapterProbe(engine, nextRequestId, model.tokenizer().encode(PROBE, false));
        return new TenantAdapters(resources, tenant -> {
            AdapterStore store = new AdapterStore(
                    storage,
                    tenant,
                    data.uploads(),
                    device.model(),
                    device.limits().maxRank());
            AdapterLibrary library = new AdapterLibrary(
                    store,
                    tenant,
                    resources,
                    () -> Objects.requireNonNullElse(tenants.quota(tenant).adapters(), Long.MAX_VALUE));
            // The settings' addresses, and the credentials for them, are those of whoever runs the server.
            SourcesConfig sources = tenant.isDefault() ? config.adapters().sources() : SourcesConfig.NONE;
            AdapterTransfer transfer = new AdapterTransfer(
                    library,
                    device.model(),
                    device.limits(),
                    tenant.isDefault()
                            ? config.adapterRoot()
                            : config.adapterRoot().resolve(tenant.value()),
                    data.uploads(),
                    config.http().maxUploadBytes());
            AdapterValidation validation = new ValidationScores(engine, setup, files.of(tenant));
            return new Adapters(
                    library,
                    transfer,
                    new AdapterSources(
                            sources,
                            new AdapterFetch(environment, data.uploads(), sources.maxBytes()),
                            transfer,
                            library),
                    new AdapterMerges(library, validation),
                    new AdapterCompression(library, config.adapters(), validation),
                    probe,
                    validation);
        });
    }

    /** One look at a time, and the next one so long after its end. */
    private void compressIdleLater(long millis) {
        vertx.setTimer(
                millis,
                timer -> vertx.executeBlocking(() -> {
                            adapters.all().forEach(own -> own.compression().compressIdle());
                            return null;
                        })
                        .onComplete(done -> {
                            if (!closing) {
                                compressIdleLater(millis);
                            }
                        }));
    }

    /**
     * Starts a server; when this returns it answers.
     *
     * @throws IOException if the data directory cannot be used or the port is taken
     */
    public static Application start(ServerConfig config, LoadProgress loading) throws IOException {
        return start(config, System.getenv(), loading);
    }

    /** The same with other environment variables for what is fetched from elsewhere. */
    public static Application start(ServerConfig config, Map<String, String> environment, LoadProgress loading)
            throws IOException {
        Application application = new Application(config, environment, loading);
        try {
            application.jobs.restore().get();
            // Rows may name what the jobs have published.
            application.batches.restore(application.rows).get();
            application.readiness.start();
            return application;
        } catch (InterruptedException | ExecutionException e) {
            application.close();
            throw new IOException("the jobs or batches of the data directory cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * What is served of a model, as text sees it.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if damaged
     * @throws io.tandem.server.config.ConfigException if a setting does not go with it
     */
    static ServedModel text(ServerConfig config, ModelFiles base, ModelConfig shape, int contextTokens) {
        ServedModel loaded = ModelText.load(base, config.servedName(), shape, contextTokens);
        return loaded.withSampling(config.sampling().of(loaded.sampling(), shape));
    }

    private void bind(PrometheusMeterRegistry meters) {
        new JvmMemoryMetrics().bindTo(meters);
        new JvmThreadMetrics().bindTo(meters);
        new ProcessorMetrics().bindTo(meters);
        try (JvmGcMetrics gc = new JvmGcMetrics()) {
            gc.bindTo(meters);
        }
        MemoryReport memory = device.memory();
        LatencyMetrics.bind(meters, engine::latency);
        Gauge.builder("tandem.requests.open", engine, CoServingEngine::openRequests)
                .description("requests that have not ended")
                .register(meters);
        Gauge.builder("tandem.jobs.open", engine, CoServingEngine::openJobs)
                .description("fine-tuning jobs that have not ended")
                .register(meters);
        Gauge.builder("tandem.device.info", () -> 1)
                .description("what the device computes with, in the tags")
                .tag("dtype", device.limits().dtype().label())
                .tag("weights", device.limits().weights().toString())
                .register(meters);
        memory(meters, "weights", memory.weightBytes());
        memory(meters, "kv", memory.kvCacheBytes());
        memory(meters, "adapters", memory.adapterBytes());
    }

    /** What was configured, or what the machine has beside the heap and what the device has reserved. */
    private long trainingMemory(long configured) {
        if (configured > 0) {
            return configured;
        }
        MemoryReport reserved = device.memory();
        return DeviceProfile.ofThisMachine().memoryBytes()
                - Runtime.getRuntime().maxMemory()
                - reserved.weightBytes()
                - reserved.kvCacheBytes()
                - reserved.adapterBytes();
    }

    private static void memory(PrometheusMeterRegistry meters, String owner, long bytes) {
        Gauge.builder("tandem.device.memory", () -> bytes)
                .description("reserved on the device")
                .baseUnit("bytes")
                .tag("owner", owner)
                .register(meters);
    }

    public int port() {
        return listeners.port();
    }

    /** Where it listens. */
    String url() {
        return url;
    }

    public ServedModel model() {
        return model;
    }

    /** Requests that have not ended. */
    public int openRequests() {
        return engine.openRequests();
    }

    /** Takes nothing new, and waits for what runs, so long at most; {@link #close} then ends what is left. */
    public void drain(int seconds) {
        readiness.drain();
        Drain drain = new Drain(() -> new Drain.Running(listeners.busy(), batches.flyingRows()));
        batches.drain();
        drain.await(seconds, engine.openJobs());
    }

    @Override
    public void close() {
        readiness.drain();
        closing = true;
        LOG.info("shutting down");
        try (Closing end = new Closing(CLOSE)) {
            end.part("rows of batches", batches::drain);
            engine.shutDown();
            end.part("the engine", () -> engineThread.join(STOP.toMillis()));
            end.part("the watchdog", watchdog::close);
            end.part("the grammars", grammars::close);
            end.part("fine-tuning jobs", jobs::close);
            end.part("batches", batches::close);
            end.part("adapters", adapters::close);
            // Last words to clients leave before their connections close.
            end.part("the HTTP server", () -> Listeners.await(vertx.close()));
            if (!engineThread.isAlive()) {
                end.part("the device", device::close);
            }
            end.part("usage", () -> {
                tenants.saveLastUse();
                usage.save();
            });
            end.part("the storage", storage::close);
            end.part("the data directory", data::close);
            // A collector may keep it waiting, and nothing else waits for that.
            end.part("traces", traces::close);
        }
    }
}
