package io.tandem.server.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.remote.AdapterSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** All that can be done with adapters. */
public record Adapters(
        AdapterLibrary library,
        AdapterTransfer transfer,
        AdapterSources sources,
        AdapterMerges merges,
        AdapterCompression compression,
        AdapterProbe probe,
        AdapterValidation validation) {

    /** The adapters among references of a request that must be fetched before they can answer; mostly none. */
    public List<String> missing(List<String> references) {
        return sources.missing(references);
    }

    /**
     * Fetches such adapters and publishes them, after the same checks as any other.
     *
     * @return fails with an {@link io.tandem.server.api.ApiException} if one cannot be had
     */
    public CompletableFuture<Void> fetched(List<String> names) {
        return sources.fetch(
                names,
                (name, adapter, origin) -> probed(name, adapter)
                        .thenCompose(difference -> library.publish(name, adapter, origin, AdapterLibrary.WHOLE)));
    }

    /**
     * Reads an adapter that a client names by a path below the root, or by an address.
     *
     * @param field of the request that has it, for complaints
     * @return fails with an {@link io.tandem.server.api.ApiException} if there is none, or it cannot be used
     */
    public CompletableFuture<Adapter> read(String path, String field) {
        return AdapterSource.isAddress(path)
                ? sources.read(path, field)
                : CompletableFuture.supplyAsync(() -> transfer.read(path, field), library.workers());
    }

    /**
     * How well models do on a file.
     *
     * @param file id of an uploaded file
     * @param stacks adapters of each model that answer together; none for the base model
     * @return in the order of the models
     */
    public CompletableFuture<List<Scores>> compare(String file, List<List<AdapterVersion>> stacks) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        Function<List<AdapterVersion>, Scores> scores = validation.scores(file);
                        return stacks.stream().map(scores).toList();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                library.workers());
    }

    /**
     * The difference that an adapter makes before it is published, as {@link AdapterProbe#difference}.
     *
     * @param name for complaints
     * @return fails with an {@link AdapterFormatException} that names the largest module if the device cannot answer with it
     */
    public CompletableFuture<OptionalDouble> probed(String name, Adapter adapter) {
        return CompletableFuture.supplyAsync(() -> library.prepared(name, adapter), library.workers())
                .thenCompose(version -> probe.difference(List.of(version)))
                // The norms of all modules may take seconds.
                .exceptionallyComposeAsync(
                        failure -> CompletableFuture.failedFuture(
                                failure.getCause() instanceof AdapterFormatException broken
                                        ? new AdapterFormatException(broken.getMessage()
                                                + LoadReport.of(adapter).largest())
                                        : failure),
                        library.workers());
    }
}
