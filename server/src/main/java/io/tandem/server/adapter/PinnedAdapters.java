package io.tandem.server.adapter;

import io.tandem.scheduler.AdapterPins;
import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which versions are held in memory and on the device. Belongs to the library's writing thread. */
final class PinnedAdapters {
    private static final Logger LOG = LoggerFactory.getLogger(PinnedAdapters.class);

    private final AdapterCatalog catalog;
    private final AdapterLoader loader;
    private final HostCache cache;
    private final AdapterPins device;
    private final Executor writer;
    private final Map<String, Held> held = new HashMap<>();

    private record Held(AdapterChoice choice, AdapterVersion version) {}

    /** @param writer the thread that this belongs to */
    PinnedAdapters(AdapterCatalog catalog, AdapterLoader loader, HostCache cache, AdapterPins device, Executor writer) {
        this.catalog = catalog;
        this.loader = loader;
        this.cache = cache;
        this.device = device;
        this.writer = writer;
    }

    /** What is held of a name becomes what its entry says, as soon as the weights are there. */
    void update(String name) {
        Optional<AdapterChoice> wanted = wanted(name);
        if (wanted.isEmpty()) {
            release(name);
            return;
        }
        AdapterChoice choice = wanted.get();
        CompletableFuture<AdapterVersion> loading = loader.load(choice);
        if (loading.isDone()) {
            hold(choice, loading);
        } else {
            var unused = loading.whenComplete((version, failure) -> writer.execute(() -> hold(choice, loading)));
        }
    }

    private Optional<AdapterChoice> wanted(String name) {
        return catalog.find(name)
                .filter(AdapterEntry::pinned)
                .map(entry -> new AdapterChoice(name, entry.currentVersion()));
    }

    private void hold(AdapterChoice choice, CompletableFuture<AdapterVersion> loaded) {
        if (!wanted(choice.name()).equals(Optional.of(choice))) {
            // It changed meanwhile, and that change brings its own version.
            return;
        }
        try {
            hold(choice, loaded.join());
        } catch (CompletionException e) {
            LOG.warn("the pinned adapter {} cannot be loaded", choice.reference(), e);
        }
    }

    private void hold(AdapterChoice choice, AdapterVersion version) {
        Held before = held.put(choice.name(), new Held(choice, version));
        if (before != null && before.choice().key().equals(choice.key())) {
            return;
        }
        // The new one comes first: there is no moment in which none is pinned.
        cache.pin(choice.key(), version);
        device.pin(version);
        if (before != null) {
            release(before);
        }
    }

    /** Holds no version of a name. */
    private void release(String name) {
        Held before = held.remove(name);
        if (before != null) {
            release(before);
        }
    }

    private void release(Held before) {
        cache.unpin(before.choice().key());
        // The same content may be pinned under another name too.
        if (held.values().stream()
                .noneMatch(
                        other -> other.version().hash().equals(before.version().hash()))) {
            device.unpin(before.version());
        }
    }
}
