package io.tandem.server.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.AdapterPins;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.ApiException;
import io.tandem.server.storage.AdapterStore;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads weights from disk when the first request asks for them. */
final class AdapterLoader {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterLoader.class);

    private final AdapterStore store;
    private final AdapterCatalog catalog;
    private final HostCache cache;
    private final AdapterMetrics metrics;
    private final AdapterPins device;
    private final BaseModel base;
    private final Executor threads;

    /** @param cache of this library */
    AdapterLoader(AdapterStore store, AdapterCatalog catalog, HostCache cache, LibraryResources resources) {
        this.store = store;
        this.catalog = catalog;
        this.cache = cache;
        this.metrics = resources.metrics();
        this.device = resources.device();
        this.base = resources.base();
        this.threads = resources.loaders();
    }

    /** See {@link AdapterLibrary#load}. */
    CompletableFuture<AdapterVersion> load(AdapterChoice choice) {
        if (!choice.version().fits(base)) {
            return CompletableFuture.failedFuture(new ApiException(
                    409,
                    "invalid_request_error",
                    "model",
                    "adapter_of_other_model",
                    "'" + choice.reference() + "' was made for another base model than this server has ('" + base.name()
                            + "'). Start the server with that model. If it fits this one too, export the adapter and"
                            + " import it again."));
        }
        return weights(choice);
    }

    /** See {@link AdapterLibrary#weights}. */
    CompletableFuture<AdapterVersion> weights(AdapterChoice choice) {
        return cache.get(choice.key(), threads, () -> read(choice));
    }

    /** See {@link AdapterLibrary#stack}. */
    CompletableFuture<List<AdapterVersion>> stack(AdapterChoice choice) {
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
            LOG.debug("{} loaded", choice.reference());
            if (choice.ranks().isPresent()) {
                Adapter first = firstRanks(choice, adapter, choice.ranks().getAsInt());
                return device.prepare(choice.name(), ContentHash.of(first), first);
            }
            return device.prepare(choice.name(), version.content(), adapter);
        } catch (IllegalArgumentException e) {
            LOG.warn("{} cannot be served: {}", choice.reference(), e.getMessage());
            throw broken("'" + choice.reference() + "' does not fit this server: " + e.getMessage() + ".");
        } catch (AdapterFormatException e) {
            if (!catalog.has(choice)) {
                throw ApiException.notFound(
                        "model",
                        "model_not_found",
                        "'" + choice.reference() + "' was deleted while the request waited.");
            }
            LOG.warn("{} cannot be served: {}", choice.reference(), e.getMessage());
            throw broken("The files of '" + choice.reference() + "' cannot be used; the server's log says why.");
        }
    }

    private static Adapter firstRanks(AdapterChoice choice, Adapter adapter, int ranks) {
        if (ranks > adapter.maxRank()) {
            throw ApiException.notFound(
                    "model",
                    "model_not_found",
                    "The model '" + choice.reference() + "' does not exist: '" + choice.name() + "' has "
                            + adapter.maxRank() + " ranks.");
        }
        try {
            return adapter.firstRanks(ranks);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(
                    "model", "'" + choice.reference() + "' is not possible: " + e.getMessage() + ".");
        }
    }

    private static ApiException broken(String message) {
        return new ApiException(409, "invalid_request_error", "model", "adapter_broken", message);
    }

    /** See {@link AdapterLibrary#prepared}. */
    AdapterVersion prepared(String name, Adapter adapter) {
        try {
            return device.prepare(name, ContentHash.of(adapter), adapter);
        } catch (IllegalArgumentException e) {
            throw new AdapterFormatException("adapter '" + name + "': " + e.getMessage(), e);
        }
    }
}
