package io.tandem.server.remote;

import io.tandem.server.remote.AdapterSource.InBucket;
import io.tandem.server.remote.AdapterSource.OnHub;
import io.tandem.server.storage.ScratchDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Fetches adapters from wherever they are. Clients are made when the first one is wanted. */
public final class AdapterFetch implements AutoCloseable {
    private final Map<String, String> environment;
    private final Path scratch;
    private final long maxBytes;
    private @Nullable Hub hub;
    private @Nullable BucketReader buckets;

    /**
     * @param environment variables of the process
     * @param scratch for what has no cache of its own
     * @param maxBytes of an adapter's files
     */
    public AdapterFetch(Map<String, String> environment, Path scratch, long maxBytes) {
        this.environment = environment;
        this.scratch = scratch;
        this.maxBytes = maxBytes;
    }

    /**
     * Takes as long as the network does.
     *
     * @param use is called with a directory that has PEFT's two files; it may be gone afterwards
     * @throws Unavailable if they cannot be had
     */
    public <T> T fetch(AdapterSource source, Function<Path, T> use) throws IOException {
        if (source instanceof OnHub repository) {
            return use.apply(hub().adapter(repository.name(), repository.folder(), maxBytes));
        }
        try (ScratchDirectory directory = ScratchDirectory.in(scratch)) {
            buckets()
                    .fetch(
                            (InBucket) source,
                            List.of(AdapterFiles.CONFIG, AdapterFiles.WEIGHTS),
                            directory.path(),
                            maxBytes);
            return use.apply(directory.path());
        }
    }

    private synchronized Hub hub() {
        if (hub == null) {
            hub = new Hub(HubSettings.of(environment));
        }
        return hub;
    }

    private synchronized BucketReader buckets() {
        if (buckets == null) {
            buckets = new BucketReader(environment);
        }
        return buckets;
    }

    @Override
    public synchronized void close() {
        if (buckets != null) {
            buckets.close();
        }
    }
}
