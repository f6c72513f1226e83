package io.tandem.server.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.server.api.ApiException;
import io.tandem.server.config.SourcesConfig;
import io.tandem.server.remote.AdapterFetch;
import io.tandem.server.remote.AdapterSource;
import io.tandem.server.remote.Unavailable;
import io.tandem.server.storage.DiskFailure;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adapters that the settings or a client name by an address. Those of the settings are fetched when the first request names
 * them, and are adapters like any other from then on. Threads of their own wait for the network, so nothing else does.
 */
public final class AdapterSources implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterSources.class);
    private static final int THREADS = 2;
    private static final String UNAVAILABLE = "adapter_unavailable";
    private static final String INVALID = "invalid_request_error";

    private final SourcesConfig config;
    private final AdapterFetch fetch;
    private final AdapterTransfer transfer;
    private final AdapterLibrary library;
    private final Map<String, CompletableFuture<Void>> coming = new ConcurrentHashMap<>();
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS, task -> {
        Thread thread = new Thread(task, "adapter-fetcher");
        thread.setDaemon(true);
        return thread;
    });

    public AdapterSources(SourcesConfig config, AdapterFetch fetch, AdapterTransfer transfer, AdapterLibrary library) {
        this.config = config;
        this.fetch = fetch;
        this.transfer = transfer;
        this.library = library;
    }

    /** What becomes of an adapter that was fetched. */
    interface Publishing {
        CompletableFuture<AdapterEntry> publish(String name, Adapter adapter, String origin);
    }

    /** Names that the settings have an address for. */
    public SortedSet<String> names() {
        return new TreeSet<>(config.named().keySet());
    }

    /** Those adapters that references of a request name, and that are still elsewhere. */
    List<String> missing(List<String> references) {
        if (config.named().isEmpty()) {
            return List.of();
        }
        return references.stream()
                .flatMap(model -> AdapterReference.split(model).stream())
                .map(reference -> AdapterReference.parse(reference, config.named()::containsKey)
                        .name())
                .filter(name -> config.named().containsKey(name) && !isHere(name))
                .distinct()
                .toList();
    }

    /** Another address in the settings is another adapter, whatever else is called like it. */
    private boolean isHere(String name) {
        String origin = origin(config.named().getOrDefault(name, ""));
        return library.find(name).stream()
                .flatMap(entry -> entry.versions().stream())
                .anyMatch(version -> version.origin().equals(origin));
    }

    static String origin(String address) {
        return "fetched from " + address;
    }

    /**
     * Fetches adapters of the settings; who asks while one is on its way waits for the same.
     *
     * @return fails with an {@link ApiException} if one cannot be had
     */
    CompletableFuture<Void> fetch(List<String> names, Publishing publishing) {
        return CompletableFuture.allOf(
                names.stream().map(name -> fetch(name, publishing)).toArray(CompletableFuture[]::new));
    }

    private CompletableFuture<Void> fetch(String name, Publishing publishing) {
        CompletableFuture<Void> own = new CompletableFuture<>();
        CompletableFuture<Void> others = coming.putIfAbsent(name, own);
        if (others != null) {
            return others;
        }
        if (isHere(name)) {
            // It has come between the two questions.
            coming.remove(name);
            own.complete(null);
            return own;
        }
        String address = config.named().getOrDefault(name, "");
        LOG.info("fetching adapter {} from {}", name, address);
        var unused = CompletableFuture.completedFuture(address)
                .thenCompose(from -> read(from, name, "model"))
                .thenCompose(adapter -> publishing.publish(name, adapter, origin(address)))
                .whenComplete((entry, failure) -> {
                    coming.remove(name);
                    if (failure == null) {
                        own.complete(null);
                    } else {
                        own.completeExceptionally(unusable(name, address, failure));
                    }
                });
        return own;
    }

    /** Who asks by name does not know the address, so the log has it and the reason. */
    private static Throwable unusable(String name, String address, Throwable failure) {
        Throwable cause = failure.getCause() == null ? failure : failure.getCause();
        boolean unavailable = cause instanceof UncheckedIOException io
                && DiskFailure.notStored(io).isEmpty();
        if (!unavailable
                && !(cause instanceof ApiException api && api.status() == 400)
                && !(cause instanceof AdapterFormatException)) {
            return failure;
        }
        Throwable why = unavailable && cause.getCause() != null ? cause.getCause() : cause;
        LOG.warn("adapter {} cannot be had from {}: {}", name, address, why.getMessage());
        return unavailable
                ? new ApiException(
                        503,
                        "server_error",
                        "model",
                        UNAVAILABLE,
                        "'" + name + "' cannot be fetched now; the server's log says why.")
                : new ApiException(
                        409,
                        INVALID,
                        "model",
                        "adapter_broken",
                        "'" + name + "' was fetched and cannot be used; the server's log says why.");
    }

    /**
     * Fetches an adapter whose address a client names.
     *
     * @param field of the request that has the address, for complaints
     * @return fails with an {@link ApiException} if it cannot be had
     */
    CompletableFuture<Adapter> read(String address, String field) {
        if (!config.allows(address)) {
            throw ApiException.invalid(
                    field,
                    "'" + field + "': this server does not fetch '" + address
                            + "' for its clients. Name a path below its adapter root, or have adapters.allow-sources list"
                            + " a prefix of the address.");
        }
        return read(address, address, field)
                .exceptionallyCompose(failure -> CompletableFuture.failedFuture(
                        failure.getCause() instanceof UncheckedIOException io && io.getCause() != null
                                ? refusal(io.getCause(), address, field)
                                : failure));
    }

    private static ApiException refusal(IOException why, String address, String field) {
        LOG.warn("{} cannot be had: {}", address, why.getMessage());
        Unavailable.Reason reason = why instanceof Unavailable known ? known.reason() : Unavailable.Reason.NO_SPACE;
        String message = "'" + field + "': " + why.getMessage() + ".";
        return switch (reason) {
            case ABSENT -> ApiException.notFound(field, "adapter_not_found", message);
            case TOO_LARGE -> ApiException.invalid(field, message + " The limit is adapters.max-download-bytes.");
            case DENIED -> new ApiException(403, INVALID, field, "adapter_denied", message);
            case DAMAGED, UNREACHABLE -> new ApiException(503, "server_error", field, UNAVAILABLE, message);
            // What it says is for the operator.
            case NO_SPACE ->
                new ApiException(
                        503,
                        "server_error",
                        field,
                        UNAVAILABLE,
                        "'" + field + "': the server cannot store what it fetches; its log says why.");
        };
    }

    private CompletableFuture<Adapter> read(String address, String shown, String field) {
        AdapterSource source = AdapterSource.parse(address)
                .orElseThrow(() -> ApiException.invalid(
                        field, "'" + field + "' is '" + address + "', expected " + AdapterSource.EXPECTED + "."));
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return fetch.fetch(source, directory -> transfer.read(directory, shown, field));
                    } catch (InterruptedIOException e) {
                        throw ApiException.shuttingDown();
                    } catch (IllegalArgumentException e) {
                        // A variable of the environment that is no address.
                        throw new UncheckedIOException(
                                new Unavailable(Unavailable.Reason.UNREACHABLE, String.valueOf(e.getMessage()), e));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                threads);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        fetch.close();
    }
}
