package io.tandem.server.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Scores;
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
        AdapterMerges merges,
        AdapterCompression compression,
        AdapterProbe probe,
        AdapterValidation validation) {

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
                .exceptionallyCompose(failure -> CompletableFuture.failedFuture(
                        failure.getCause() instanceof AdapterFormatException broken
                                ? new AdapterFormatException(broken.getMessage() + "; its largest change is that of "
                                        + LoadReport.of(adapter).largest())
                                : failure));
    }
}
