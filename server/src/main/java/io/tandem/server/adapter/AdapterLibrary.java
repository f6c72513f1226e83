package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.OwnWeight;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.scheduler.AdapterPins;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.SafeName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A tenant's adapters: names and versions in a map, weights on disk, those in use in memory.
 *
 * <p>A start reads manifests only, so it does not matter how many adapters there are; weights are read when the first
 * request asks for them, and a broken file is found then. What changes a name runs on one thread, one change after the
 * other: first the new version is on disk, then the manifest, then the map. Requests read the map without waiting and
 * keep the version that they found, weights and all, so replacing and deleting under traffic affect no request that has
 * begun.
 */
public final class AdapterLibrary {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterLibrary.class);
    /** Percent of the requests. */
    public static final double WHOLE = 100;

    private final AdapterStore store;
    private final LongSupplier most;
    private final LibraryResources resources;
    private final AdaptersConfig config;
    private final BaseModel base;
    private final AdapterPins device;
    private final AdapterCatalog catalog;
    private final HostCache cache;
    private final AdapterLoader loader;
    private final PinnedAdapters pinned;
    private final AdapterPrototypes prototypes;

    /**
     * @param owner whose they are
     * @throws IOException if the directory cannot be read; a broken adapter in it is only reported
     */
    public AdapterLibrary(AdapterStore store, TenantId owner, LibraryResources resources) throws IOException {
        this(store, owner, resources, () -> Long.MAX_VALUE);
    }

    /** @param most adapters that there may be, without checkpoints */
    public AdapterLibrary(AdapterStore store, TenantId owner, LibraryResources resources, LongSupplier most)
            throws IOException {
        this.store = store;
        this.most = most;
        this.resources = resources;
        this.config = resources.config();
        this.base = resources.base();
        this.device = resources.device();
        this.catalog = new AdapterCatalog(resources.clock());
        this.cache = resources.cache().of(owner.value());
        this.loader = new AdapterLoader(store, catalog, cache, resources);
        this.pinned = new PinnedAdapters(catalog, loader, cache, device, resources.writer());
        this.prototypes = new AdapterPrototypes(store, catalog, loader, resources);
        store.manifests().forEach(catalog::restore);
        resources.count(catalog);
        catalog.all().stream()
                .filter(entry -> !entry.currentVersion().fits(base))
                .forEach(entry ->
                        LOG.warn("adapter {} was made for another base model and is not served", entry.name()));
        catalog.all().stream()
                .filter(AdapterEntry::pinned)
                .forEach(entry -> resources.writer().execute(() -> pinned.update(entry.name())));
    }

    /** All names, sorted. */
    public SortedSet<String> names() {
        return catalog.names();
    }

    /** The names, sorted, of those that were made for this base model. */
    public List<String> servable() {
        return catalog.all().stream()
                .filter(entry -> fits(entry.currentVersion()))
                .map(AdapterEntry::name)
                .toList();
    }

    public Optional<AdapterEntry> find(String name) {
        return catalog.find(name);
    }

    /**
     * @return the adapter of this name
     * @throws ApiException if there is none
     */
    public AdapterEntry require(String name) {
        return catalog.require(name);
    }

    /**
     * The version that a request gets.
     *
     * @param reference a name, or {@code name@hash} for exactly that version; {@code :r4} behind it means its first 4 ranks
     * @param key decides between the current version and the canary
     */
    public Optional<AdapterChoice> choose(String reference, String key) {
        return catalog.choose(reference, key);
    }

    /**
     * A version with its weights, read if they are not in memory.
     *
     * @return fails with an {@link ApiException} if the files are broken, or it was made for another base model
     */
    public CompletableFuture<AdapterVersion> load(AdapterChoice choice) {
        return loader.load(choice);
    }

    /** The same to be looked at, also if it was made for another base model. */
    CompletableFuture<AdapterVersion> weights(AdapterChoice choice) {
        return loader.weights(choice);
    }

    /** A version with what it answers together with, the lowest first. */
    public CompletableFuture<List<AdapterVersion>> stack(AdapterChoice choice) {
        return loader.stack(choice);
    }

    /** By what a version is chosen for a prompt; none if it has no low-rank factors for that. Fails like {@link #load}. */
    public CompletableFuture<Prototypes> prototypes(AdapterChoice choice) {
        return prototypes.of(choice);
    }

    /**
     * A version of an adapter that is in no library, ready for the device. Takes time in proportion to the weights.
     *
     * @throws AdapterFormatException if the device cannot hold it, or answer with it
     */
    public AdapterVersion prepared(String name, Adapter adapter) {
        requireServed(name, adapter);
        return loader.prepared(name, adapter);
    }

    TernaryAdapter readTernary(AdapterChoice choice) {
        return store.readTernary(choice.name(), choice.version().content());
    }

    HostCache cache() {
        return cache;
    }

    /** For work that takes long. */
    ForkJoinPool workers() {
        return resources.workers();
    }

    /**
     * Adds a version to an adapter, which is new if there is none of the name.
     *
     * @param origin where it came from, for people
     * @param percent of the requests that the version answers; 100 makes it current. The first of a name always is
     * @return fails with an {@link AdapterFormatException} if the adapter changes nothing
     */
    public CompletableFuture<AdapterEntry> publish(String name, Adapter adapter, String origin, double percent) {
        return publish(name, adapter, origin, percent, null);
    }

    /** The same for what was made here from adapters of this base model. */
    public CompletableFuture<AdapterEntry> publishMade(String name, Adapter adapter, String origin, double percent) {
        return publish(name, adapter, origin, percent, base.identity());
    }

    private CompletableFuture<AdapterEntry> publish(
            String name, Adapter adapter, String origin, double percent, @Nullable String madeFor) {
        return examined(name, adapter, report -> report.requireChange(name))
                .thenCompose(found -> ask(() -> {
                    if (find(name).isEmpty()) {
                        requireRoom(0);
                    }
                    StoredVersion version = save(name, adapter, List.of(), found, origin, madeFor);
                    return commit(find(name)
                            .map(known -> onTrial(known.with(version), version, percent, "canary_percent"))
                            .orElseGet(() -> AdapterEntry.first(name, version)));
                }));
    }

    /**
     * The same for what was trained here, even if nothing was learned.
     *
     * @param under adapters that it was trained on top of, the lowest first
     */
    public CompletableFuture<AdapterEntry> publishTrained(
            String name, Adapter adapter, List<Adapter> under, String origin) {
        return examined(name, adapter, report -> report)
                .thenCompose(found -> ask(() -> {
                    StoredVersion version = save(name, adapter, under, found, origin, base.identity());
                    return commit(find(name)
                            .map(known -> known.with(version).withCurrent(version.hash()))
                            .orElseGet(() -> AdapterEntry.first(name, version)));
                }));
    }

    /** What is found out about a version before it is written. */
    private record Examined(LoadReport report, Prototypes prototypes) {}

    /** Norms of large adapters take seconds, in which others may publish. */
    private CompletableFuture<Examined> examined(String name, Adapter adapter, UnaryOperator<LoadReport> check) {
        return CompletableFuture.supplyAsync(() -> {
            requireName(name);
            requireServed(name, adapter);
            return new Examined(check.apply(LoadReport.of(adapter)), Prototypes.of(adapter));
        });
    }

    private static void requireServed(String name, Adapter adapter) {
        if (adapter.modules().values().stream().anyMatch(OwnWeight.class::isInstance)) {
            boolean sparse = adapter.config() instanceof SparseConfig;
            throw new AdapterFormatException("adapter '" + name + "' is a checkpoint of training over "
                    + (sparse ? "sparse weights (PST)" : "quantized weights (L4Q)") + ", of which a base model comes");
        }
    }

    private StoredVersion save(
            String name, Adapter adapter, List<Adapter> under, Examined found, String origin, @Nullable String madeFor)
            throws IOException {
        requireSpace(adapter);
        AdapterStore.Saved saved = store.save(name, adapter);
        store.saveReport(name, saved.hash(), found.report().toJson());
        store.savePrototypes(name, saved.hash(), found.prototypes());
        List<String> below = new ArrayList<>();
        long bytes = saved.bytes();
        for (Adapter other : under) {
            AdapterStore.Saved kept = store.save(name, other);
            below.add(kept.hash().hex());
            bytes += kept.bytes();
        }
        return new StoredVersion(saved.hash().hex(), false, bytes, now(), origin, below, madeFor);
    }

    /** @param field of the request that asks for a trial, for complaints */
    private static AdapterEntry onTrial(AdapterEntry entry, StoredVersion version, double percent, String field) {
        if (percent > 0 && percent < WHOLE && version.hash().equals(entry.current())) {
            throw ApiException.invalid(
                    field,
                    "'" + field + "': " + new AdapterChoice(entry.name(), version).reference()
                            + " is the current version already and answers all requests; there is nothing to try.");
        }
        return entry.withCanary(version.hash(), percent);
    }

    private void requireName(String name) {
        if (!SafeName.allowed(name)
                || name.equals(base.name())
                || AutoModel.parse(name).isPresent()) {
            throw ApiException.invalid("name", "'" + name + "' is not a possible name for an adapter.");
        }
    }

    /** @throws ApiException if there may be no adapter beside those that there are and are coming */
    public void requireRoom(long coming) {
        long count = catalog.all().stream()
                .filter(entry -> !AdapterEntry.isCheckpoint(entry.name()))
                .count();
        if (count + coming >= most.getAsLong()) {
            String jobs = coming == 0 ? "" : " and " + coming + " open jobs";
            throw ApiException.quotaExceeded(
                    "This project has " + count + " adapters" + jobs + ", as many as its quota allows; delete some.");
        }
    }

    private void requireSpace(Adapter adapter) {
        long bytes = resources.bytesOnDisk() + Float.BYTES * adapter.parameters();
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

    /** Changes an adapter; the change happens whole or not at all. */
    CompletableFuture<AdapterEntry> change(String name, UnaryOperator<AdapterEntry> change) {
        return ask(() -> commit(change.apply(require(name))));
    }

    /** On the writing thread: the manifest first, so that a crash leaves the old state or the new one. */
    AdapterEntry commit(AdapterEntry changed) throws IOException {
        AdapterEntry entry = changed.pruned(config.maxVersions());
        Optional<AdapterEntry> before = find(entry.name());
        store.saveManifest(entry.name(), JsonBody.MAPPER.valueToTree(entry));
        catalog.put(entry);
        before.ifPresent(old -> clean(old, entry));
        pinned.update(entry.name());
        LOG.info("adapter {}", entry);
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
            catalog.remove(name);
            try {
                store.delete(name);
            } catch (IOException e) {
                catalog.put(entry);
                throw e;
            }
            pinned.update(name);
            entry.versions().stream()
                    .flatMap(StoredVersion::contents)
                    .forEach(hash -> cache.remove(name + "@" + hash.hex()));
            LOG.info("adapter {} is deleted", name);
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

    /** Requests of exactly these tenants are answered too. */
    public CompletableFuture<AdapterEntry> share(String name, Set<String> tenants) {
        return change(name, entry -> entry.withShares(tenants));
    }

    /** The version that a request of another tenant gets, if the adapter is shared with it. */
    Optional<AdapterChoice> chooseShared(TenantId reader, String reference, String key) {
        return choose(reference, key).filter(choice -> isShared(choice.name(), reader));
    }

    private boolean isShared(String name, TenantId reader) {
        return find(name).filter(entry -> entry.sharedWith(reader)).isPresent();
    }

    /** Names, sorted, of what is shared with another tenant. */
    List<String> sharedWith(TenantId reader) {
        return servable().stream().filter(name -> isShared(name, reader)).toList();
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
                entry -> version.map(hash -> onTrial(entry, version(entry, hash), percent, "version"))
                        .orElseGet(() -> entry.withCanary(entry.current(), 0)));
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
        // Read before the change, so that it is pinned when the change is done.
        CompletableFuture<?> read = find(name)
                .filter(entry -> keep)
                .<CompletableFuture<?>>map(entry -> load(new AdapterChoice(name, entry.currentVersion())))
                .orElseGet(() -> CompletableFuture.completedFuture(name));
        return read.thenCompose(version -> setPinned(name, keep));
    }

    private CompletableFuture<AdapterEntry> setPinned(String name, boolean keep) {
        return change(name, entry -> {
            long others = resources.pinned() - (entry.pinned() ? 1 : 0);
            if (keep && others >= resources.maxPinned()) {
                throw ApiException.invalid(
                        "pinned",
                        "'pinned': " + others + " adapters are pinned, at most " + resources.maxPinned()
                                + " can be; unpin some or raise kernels.adapter-slots.");
            }
            if (keep) {
                new AdapterChoice(name, entry.currentVersion()).requireAlone("pinned", "pinned");
            }
            return entry.withPinned(keep);
        });
    }

    /** What was found when a version was made. */
    public CompletableFuture<ObjectNode> report(AdapterChoice choice) {
        return ask(() -> store.loadReport(choice.name(), choice.version().content()));
    }

    /** The fastest place where a version is now: {@code device}, {@code host} or {@code disk}. */
    public String tier(AdapterChoice choice) {
        if (device.slots().resident().contains(choice.version().content())) {
            return "device";
        }
        return cache.contains(choice.key()) ? "host" : "disk";
    }

    boolean fits(StoredVersion version) {
        return version.fits(base);
    }

    AdapterCatalog catalog() {
        return catalog;
    }

    AdapterStore store() {
        return store;
    }

    long now() {
        return resources.clock().instant().getEpochSecond();
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
                resources.writer());
    }
}
