package io.tandem.server.adapter;

import com.github.benmanes.caffeine.cache.Cache;
import io.micrometer.core.instrument.MeterRegistry;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.scheduler.AdapterPins;
import io.tandem.server.config.AdaptersConfig;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the libraries of all tenants have in common: memory, threads, the device, and limits on all of them together. */
public final class LibraryResources implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LibraryResources.class);
    private static final int LOADER_THREADS = 2;
    private static final long CLOSE_SECONDS = 10;
    /** Those of a hundred adapters of a model with eight billion parameters. */
    private static final long PROTOTYPE_BYTES = 256 << 20;

    private final AdaptersConfig config;
    private final BaseModel base;
    private final int maxPinned;
    private final AdapterPins device;
    private final Clock clock;
    private final HostCache cache;
    private final AdapterMetrics metrics;
    private final Cache<String, Prototypes> prototypes = AdapterPrototypes.cache(PROTOTYPE_BYTES);
    private final List<AdapterCatalog> catalogs = new CopyOnWriteArrayList<>();
    private final ExecutorService writer =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "adapter-library"));
    private final ExecutorService loaders =
            Executors.newFixedThreadPool(LOADER_THREADS, task -> new Thread(task, "adapter-loader"));
    private final ForkJoinPool workers =
            new ForkJoinPool(Math.max(2, Runtime.getRuntime().availableProcessors() / 2));

    /**
     * @param base no adapter may be called like it
     * @param maxPinned most adapters that may be pinned
     */
    public LibraryResources(
            AdaptersConfig config,
            BaseModel base,
            int maxPinned,
            AdapterPins device,
            MeterRegistry meters,
            Clock clock) {
        this.config = config;
        this.base = base;
        this.maxPinned = maxPinned;
        this.device = device;
        this.clock = clock;
        this.cache = new HostCache(config.hostMemoryBytes());
        this.metrics = new AdapterMetrics(meters, this, cache, device);
    }

    /** A library's names and versions count from now on. */
    void count(AdapterCatalog catalog) {
        catalogs.add(catalog);
    }

    /** Adapters of all libraries. */
    int adapters() {
        return catalogs.stream().mapToInt(catalog -> catalog.all().size()).sum();
    }

    /** Of all versions of all adapters. */
    long bytesOnDisk() {
        return catalogs.stream().mapToLong(AdapterCatalog::bytesOnDisk).sum();
    }

    long pinned() {
        return catalogs.stream()
                .flatMap(catalog -> catalog.all().stream())
                .filter(AdapterEntry::pinned)
                .count();
    }

    AdaptersConfig config() {
        return config;
    }

    BaseModel base() {
        return base;
    }

    int maxPinned() {
        return maxPinned;
    }

    AdapterPins device() {
        return device;
    }

    Clock clock() {
        return clock;
    }

    HostCache cache() {
        return cache;
    }

    Cache<String, Prototypes> prototypes() {
        return prototypes;
    }

    AdapterMetrics metrics() {
        return metrics;
    }

    /** The thread of all changes. */
    ExecutorService writer() {
        return writer;
    }

    /** They read weights and do nothing else, so a cold adapter waits for the disk only and never for a merge. */
    ExecutorService loaders() {
        return loaders;
    }

    /** For work that takes long. */
    ForkJoinPool workers() {
        return workers;
    }

    /** Finishes what has been asked for. */
    @Override
    public void close() {
        writer.shutdown();
        loaders.shutdown();
        workers.shutdown();
        try {
            if (!writer.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("adapters are still being written");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
