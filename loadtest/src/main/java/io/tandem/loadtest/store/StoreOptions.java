package io.tandem.loadtest.store;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The flags that say where a server under test keeps what it keeps. */
public final class StoreOptions implements AutoCloseable {
    @Option(
            names = "--documents",
            paramLabel = "ADDRESS",
            description = "An empty database for the server's documents, as postgresql://USER@HOST/NAME;"
                    + " by default SQLite in its data directory.")
    private Optional<String> documents = Optional.empty();

    @Option(
            names = "--blobs",
            paramLabel = "ADDRESS",
            description = "An empty place for its files, adapters and checkpoints, as s3://BUCKET/PREFIX?endpoint=URL;"
                    + " by default its data directory. Credentials are AWS's.")
    private Optional<String> blobs = Optional.empty();

    @Option(names = "--stores", description = "Starts a PostgreSQL and an S3-compatible store (S3Proxy) for both.")
    private boolean own;

    private Optional<Stores> started = Optional.empty();

    /** Starts the stores, if they are to be started, until {@link #close}. */
    public void open() throws IOException {
        if (own) {
            started = Optional.of(Stores.start());
        }
    }

    /** What a server has to know. */
    public Map<String, String> environment() {
        Map<String, String> variables = new HashMap<>();
        documents.ifPresent(address -> variables.put("TANDEM_DOCUMENTS", address));
        blobs.ifPresent(address -> variables.put("TANDEM_BLOBS", address));
        started.ifPresent(stores -> variables.putAll(stores.environment()));
        return variables;
    }

    /** Those that can be ended and started again. */
    public List<Store> restartable() {
        return started.map(Stores::all).orElse(List.of());
    }

    @Override
    public void close() {
        started.ifPresent(Stores::close);
        started = Optional.empty();
    }
}
