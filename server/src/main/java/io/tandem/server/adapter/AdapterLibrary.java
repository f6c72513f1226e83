package io.tandem.server.adapter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.micrometer.core.instrument.MeterRegistry;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.SafeName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All adapters: names and versions in a map, weights on disk, those in use in memory.
 *
 * <p>A start reads manifests only, so it does not matter how many adapters there are; weights are read when the first
 * request asks for them, by threads of their own, and a broken file is found then. What changes a name runs on one
 * thread, one change after the other: first the new version is on disk, then the manifest, then the map. Requests read
 * the map without waiting and keep the version that they found, weights and all, so replacing and deleting under traffic
 * touch nobody who has begun.
 */
public final class AdapterLibrary implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterLibrary.class);
    private static final Pattern REFERENCE = Pattern.compile("(.+)@([0-9a-f]{12,64})");
    private static final int LOADERS = 2;
    private static final long CLOSE_SECONDS = 10;
    /** Percent of the requests. */
    public static final double WHOLE = 100;

    private final AdapterStore store;
    private final AdaptersConfig config;
    private final String baseName;
    private final int maxPinned;
    private final AdapterPins device;
    private final Clock clock;
    private final AdapterMetrics metrics;
    private final Map<String, AdapterEntry> entries = new ConcurrentHashMap<>();
    private final Map<String, Long> lastUse = new ConcurrentHashMap<>();
    private final ExecutorService loaders =
            Executors.newFixedThreadPool(LOADERS, task -> new Thread(task, "adapter-loader"));
    private final ExecutorService writer =
            Executors.newSingleThreadExecutor(task -> new Thread(task, "adapter-library"));
    private final ForkJoinPool workers =
            new ForkJoinPool(Math.max(2, Runtime.getRuntime().availableProcessors() / 2));
    private final HostCache cache;
    private final PinnedAdapters pinned;

    /**
     * @param baseName what the base model is called; no adapter may be called so
     * @param maxPinned most adapters that may be pinned
     * @throws IOException if the directory cannot be read; a broken adapter in it is only reported
     */
    public AdapterLibrary(
            AdapterStore store,
            AdaptersConfig config,
            String baseName,
            int maxPinned,
            AdapterPins device,
            MeterRegistry meters,
            Clock clock)
            throws IOException {
        this.store = store;
        this.config = config;
        this.baseName = baseName;
        this.maxPinned = maxPinned;
        this.device = device;
        this.clock = clock;
        this.cache = new HostCache(config.hostMemoryBytes(), loaders);
        this.pinned = new PinnedAdapters(cache, device);
        store.manifests().forEach(this::restore);
        this.metrics = new AdapterMetrics(meters, this, cache, device);
        entries.values().stream()
                .filter(AdapterEntry::pinned)
                .forEach(entry -> writer.execute(() -> repin(entry.name())));
    }

    private void restore(String name, ObjectNode manifest) {
        try {
            AdapterEntry entry = JsonBody.MAPPER.treeToValue(manifest, AdapterEntry.class);
            if (!name.equals(entry.name())) {
                throw new IllegalArgumentException("its manifest is that of '" + entry.name() + "'");
            }
            // Hashes that are none are found here rather than by the first request.
            Set<ContentHash> contents =
                    entry.versions().stream().flatMap(StoredVersion::contents).collect(Collectors.toSet());
            if (contents.isEmpty()) {
                throw new IllegalArgumentException("it has no version");
            }
            entries.put(name, entry);
            touch(name);
        } catch (JsonProcessingException | RuntimeException e) {
            LOG.warn("adapter {} is not served: {}", name, e.getMessage());
        }
    }

    /** All names, sorted. */
    public SortedSet<String> names() {
        return new TreeSet<>(entries.keySet());
    }

    public Optional<AdapterEntry> find(String name) {
        return Optional.ofNullable(entries.get(name));
    }

    /**
     * @return the adapter of this name
     * @throws ApiException if there is none
     */
    public AdapterEntry require(String name) {
        return find(name)
                .orElseThrow(
                        () -> ApiException.notFound("id", "adapter_not_found", "There is no adapter '" + name + "'."));
    }

    /**
     * The version that a request gets.
     *
     * @param reference a name, or {@code name@hash} for exactly that version
     * @param key decides between the current version and the canary
     */
    public Optional<AdapterChoice> choose(String reference, String key) {
        AdapterEntry named = entries.get(reference);
        Optional<AdapterChoice> chosen =
                named == null ? chooseVersion(reference) : Optional.of(new AdapterChoice(reference, named.choose(key)));
        chosen.ifPresent(choice -> touch(choice.name()));
        return chosen;
    }

    private Optional<AdapterChoice> chooseVersion(String reference) {
        Matcher matcher = REFERENCE.matcher(reference);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String name = matcher.group(1);
        return find(name)
                .flatMap(entry -> entry.version(matcher.group(2)))
                .map(version -> new AdapterChoice(name, version));
    }

    /**
     * A version with its weights, read if they are not in memory.
     *
     * @return fails with an {@link ApiException} if the files are broken
     */
    public CompletableFuture<AdapterVersion> load(AdapterChoice choice) {
        return cache.get(choice.key(), () -> read(choice));
    }

    /** A version with what it answers together with, the lowest first. */
    public CompletableFuture<List<AdapterVersion>> stack(AdapterChoice choice) {
        List<CompletableFuture<AdapterVersion>> loads = Stream.concat(choice.under().stream(), Stream.of(choice))
                .map(this::load)
                .toList();
        return CompletableFuture.allOf(loads.toArray(CompletableFuture[]::new))
                .thenApply(all -> loads.stream().map(CompletableFuture::join).toList());
    }

    private AdapterVersion read(AdapterChoice choice) {
        StoredVersion version = choice.version();
        try {
            Adapter adapter = metrics.timed(
                    version.compressed(), () -> store.read(choice.name(), version.content(), version.compressed()));
            return new AdapterVersion(choice.name(), version.content(), adapter);
        } catch (AdapterFormatException e) {
            boolean known = find(choice.name())
                    .filter(entry -> entry.has(version.content()))
                    .isPresent();
            if (!known) {
                throw ApiException.notFound(
                        "model",
                        "model_not_found",
                        "'" + choice.reference() + "' was deleted while the request waited.");
            }
            LOG.warn("{} cannot be served: {}", choice.reference(), e.getMessage());
            throw new ApiException(
                    409,
                    "invalid_request_error",
                    "model",
                    "adapter_broken",
                    "The files of '" + choice.reference() + "' cannot be used; the server's log says why.");
        }
    }

    TernaryAdapter readTernary(AdapterChoice choice) {
        return store.readTernary(choice.name(), choice.version().content());
    }

    HostCache cache() {
        return cache;
    }

    /** For work that takes long. */
    ForkJoinPool workers() {
        return workers;
    }

    /**
     * Adds a version to an adapter, which is new if there is none of the name.
     *
     * @param origin where it came from, for people
     * @param percent of the requests that the version answers; 100 makes it current. The first of a name always is
     * @return fails with an {@link AdapterFormatException} if the adapter changes nothing
     */
    public CompletableFuture<AdapterEntry> publish(String name, Adapter adapter, String origin, double percent) {
        return ask(() -> {
            requireName(name);
            LoadReport report = LoadReport.of(adapter).requireChange(name);
            return add(name, adapter, List.of(), report, origin, percent);
        });
    }

    /**
     * The same for what was trained here, even if nothing was learned.
     *
     * @param under adapters that it was trained on top of, the lowest first
     */
    public CompletableFuture<AdapterEntry> publishTrained(
            String name, Adapter adapter, List<Adapter> under, String origin) {
        return ask(() -> {
            requireName(name);
            return add(name, adapter, under, LoadReport.of(adapter), origin, WHOLE);
        });
    }

    private AdapterEntry add(
            String name, Adapter adapter, List<Adapter> under, LoadReport report, String origin, double percent)
            throws IOException {
        requireSpace(adapter);
        AdapterStore.Saved saved = store.save(name, adapter);
        store.saveReport(name, saved.hash(), report.toJson());
        List<String> below = new ArrayList<>();
        long bytes = saved.bytes();
        for (Adapter other : under) {
            AdapterStore.Saved kept = store.save(name, other);
            below.add(kept.hash().hex());
            bytes += kept.bytes();
        }
        StoredVersion version = new StoredVersion(saved.hash().hex(), false, bytes, now(), origin, below);
        return commit(find(name)
                .map(known -> known.with(version).withCanary(version.hash(), percent))
                .orElseGet(() -> AdapterEntry.first(name, version)));
    }

    private void requireName(String name) {
        if (!SafeName.allowed(name) || name.equals(baseName)) {
            throw ApiException.invalid("name", "'" + name + "' is not a possible name for an adapter.");
        }
    }

    private void requireSpace(Adapter adapter) {
        long bytes = bytesOnDisk();
        for (LowRank factors : adapter.modules().values()) {
            bytes += (long) Float.BYTES * (factors.a().length + factors.b().length);
        }
        if (config.diskBytes() > 0 && bytes > config.diskBytes()) {
            throw new ApiException(
                    507,
                    "invalid_request_error",
                    null,
                    "disk_budget_exceeded",
                    "All adapters together would have " + bytes + " bytes, adapters.disk-bytes is " + config.diskBytes()
                            + "; delete some, or versions of them.");
        }
    }

    /** Of all versions of all adapters. */
    long bytesOnDisk() {
        return entries.values().stream()
                .flatMap(entry -> entry.versions().stream())
                .mapToLong(StoredVersion::bytes)
                .sum();
    }

    /** Changes an adapter; the change happens whole or not at all. */
    CompletableFuture<AdapterEntry> change(String name, UnaryOperator<AdapterEntry> change) {
        return ask(() -> commit(change.apply(require(name))));
    }

    /** On the writing thread: the manifest first, so that a crash leaves the old state or the new one. */
    AdapterEntry commit(AdapterEntry changed) throws IOException {
        AdapterEntry entry = changed.pruned(config.maxVersions());
        Optional<AdapterEntry> before = find(entry.name());
        store.saveManifest(entry.name(), JsonBody.MAPPER.valueToTree(entry));
        entries.put(entry.name(), entry);
        lastUse.putIfAbsent(entry.name(), clock.millis());
        before.ifPresent(old -> clean(old, entry));
        repin(entry.name());
        return entry;
    }

    /** Deletes the files that nothing needs any more; if that fails they only take space. */
    private void clean(AdapterEntry before, AdapterEntry after) {
        Set<ContentHash> needed =
                after.versions().stream().flatMap(StoredVersion::contents).collect(Collectors.toSet());
        try {
            for (StoredVersion old : before.versions()) {
                for (ContentHash hash : old.contents().toList()) {
                    if (!needed.contains(hash)) {
                        cache.remove(before.name() + "@" + hash.hex());
                        store.delete(before.name(), hash);
                    }
                }
                boolean otherForm = after.version(old.hash())
                        .filter(kept -> kept.compressed() != old.compressed())
                        .isPresent();
                if (otherForm) {
                    store.deleteForm(before.name(), old.content(), old.compressed());
                }
            }
        } catch (IOException e) {
            LOG.warn("old versions of adapter {} are still on disk", before.name(), e);
        }
    }

    /** Deletes an adapter with all its versions; requests that have begun finish. */
    public CompletableFuture<AdapterEntry> delete(String name) {
        return ask(() -> {
            AdapterEntry entry = require(name);
            // From here on nobody chooses it; who has chosen it is told that it is gone.
            entries.remove(name);
            try {
                store.delete(name);
            } catch (IOException e) {
                entries.put(name, entry);
                throw e;
            }
            lastUse.remove(name);
            repin(name);
            entry.versions().stream()
                    .flatMap(StoredVersion::contents)
                    .forEach(hash -> cache.remove(name + "@" + hash.hex()));
            return entry;
        });
    }

    /** Deletes one version, unless it answers requests. */
    public CompletableFuture<AdapterEntry> deleteVersion(AdapterChoice choice) {
        return change(choice.name(), entry -> {
            if (entry.needed(choice.version().hash())) {
                throw ApiException.invalid(
                        "id", "'" + choice.reference() + "' answers requests; make another version current first.");
            }
            return entry.without(choice.version());
        });
    }

    public CompletableFuture<AdapterEntry> label(String name, Map<String, String> labels) {
        return change(name, entry -> entry.withLabels(labels));
    }

    /** All requests go to a version again, by default to the one before the current one. */
    public CompletableFuture<AdapterEntry> rollBack(String name, Optional<String> version) {
        return change(
                name,
                entry -> entry.withCurrent(version.map(hash -> version(entry, hash))
                        .orElseGet(() -> entry.previous()
                                .orElseThrow(() -> ApiException.invalid(
                                        "version", "'" + name + "' has no version before the current one.")))
                        .hash()));
    }

    /** A version answers some of the requests; without a version nobody's trial goes on. */
    public CompletableFuture<AdapterEntry> canary(String name, Optional<String> version, double percent) {
        return change(
                name,
                entry -> entry.withCanary(
                        version.map(hash -> version(entry, hash).hash()).orElse(entry.current()),
                        version.isPresent() ? percent : 0));
    }

    private static StoredVersion version(AdapterEntry entry, String hash) {
        String own = entry.name() + "@";
        String beginning = hash.startsWith(own) ? hash.substring(own.length()) : hash;
        return entry.version(beginning)
                .orElseThrow(() -> ApiException.invalid(
                        "version", "'version': '" + entry.name() + "' has no single version " + beginning + "."));
    }

    /** Keeps the current version of an adapter in memory and on the device, or lets it go. */
    public CompletableFuture<AdapterEntry> pin(String name, boolean keep) {
        return change(name, entry -> {
            long others = entries.values().stream()
                    .filter(other -> other.pinned() && !other.name().equals(name))
                    .count();
            if (keep && others >= maxPinned) {
                throw ApiException.invalid(
                        "pinned", "'pinned': " + others + " adapters are pinned, at most " + maxPinned + " can be.");
            }
            if (keep) {
                new AdapterChoice(name, entry.currentVersion()).requireAlone("pinned", "pinned");
            }
            return entry.withPinned(keep);
        });
    }

    /** On the writing thread: what is held becomes what the entry says. */
    private void repin(String name) {
        pinned.hold(
                name,
                find(name).filter(AdapterEntry::pinned).map(entry -> new AdapterChoice(name, entry.currentVersion())),
                this::load);
    }

    /** What was found when a version was made. */
    public CompletableFuture<ObjectNode> report(AdapterChoice choice) {
        return ask(() -> store.loadReport(choice.name(), choice.version().content()));
    }

    /** Somebody asks for an adapter. */
    void touch(String name) {
        lastUse.put(name, clock.millis());
    }

    /** How long nobody has asked for an adapter. */
    long idleMillis(String name) {
        return clock.millis() - Objects.requireNonNullElse(lastUse.get(name), clock.millis());
    }

    /** The fastest place where a version is now: {@code device}, {@code host} or {@code disk}. */
    public String tier(AdapterChoice choice) {
        if (device.slots().resident().contains(choice.version().content().number())) {
            return "device";
        }
        return cache.contains(choice.key()) ? "host" : "disk";
    }

    AdapterStore store() {
        return store;
    }

    long now() {
        return clock.instant().getEpochSecond();
    }

    <T> CompletableFuture<T> ask(Callable<T> question) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return question.call();
                    } catch (RuntimeException e) {
                        throw e;
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                },
                writer);
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
