package io.tandem.server.adapter;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.server.storage.AdapterStore;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * By what a library's adapters are chosen for a prompt. They are made when a version is published and lie in a small file
 * beside it; those of versions without one, as older servers and compression leave them, are made when a request asks.
 */
final class AdapterPrototypes {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterPrototypes.class);

    private final AdapterStore store;
    private final AdapterCatalog catalog;
    private final AdapterLoader loader;
    private final LibraryResources resources;

    AdapterPrototypes(AdapterStore store, AdapterCatalog catalog, AdapterLoader loader, LibraryResources resources) {
        this.store = store;
        this.catalog = catalog;
        this.loader = loader;
        this.resources = resources;
    }

    /** By the hash of the content, so that equal versions share them. */
    static Cache<String, Prototypes> cache(long bytes) {
        return Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(bytes)
                .weigher((String content, Prototypes prototypes) -> Math.toIntExact(1 + prototypes.bytes()))
                .build();
    }

    /** Those of a version; fails as {@link AdapterLibrary#load} does. */
    CompletableFuture<Prototypes> of(AdapterChoice choice) {
        Prototypes known = resources.prototypes().getIfPresent(choice.content());
        return known != null
                ? CompletableFuture.completedFuture(known)
                : CompletableFuture.supplyAsync(() -> stored(choice), resources.loaders())
                        .thenCompose(found ->
                                found.map(CompletableFuture::completedFuture).orElseGet(() -> made(choice)))
                        .thenApply(prototypes -> {
                            resources.prototypes().put(choice.content(), prototypes);
                            return prototypes;
                        });
    }

    private Optional<Prototypes> stored(AdapterChoice choice) {
        return choice.ranks().isPresent()
                ? Optional.empty()
                : store.loadPrototypes(choice.name(), choice.version().content());
    }

    private CompletableFuture<Prototypes> made(AdapterChoice choice) {
        return loader.load(choice).thenApplyAsync(version -> made(choice, version.adapter()), resources.workers());
    }

    private Prototypes made(AdapterChoice choice, Adapter adapter) {
        Prototypes prototypes = Prototypes.of(adapter);
        if (choice.ranks().isEmpty()) {
            resources.writer().execute(() -> save(choice, prototypes));
        }
        return prototypes;
    }

    /** On the writing thread, which also deletes versions. */
    private void save(AdapterChoice choice, Prototypes prototypes) {
        try {
            if (catalog.has(choice)) {
                store.savePrototypes(choice.name(), choice.version().content(), prototypes);
            }
        } catch (IOException e) {
            LOG.warn("the prototypes of {} are not kept: {}", choice.reference(), e.getMessage());
        }
    }
}
