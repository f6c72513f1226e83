package io.tandem.server.remote;

import io.tandem.kernels.LoadProgress;
import io.tandem.server.remote.HubClient.Blob;
import io.tandem.server.remote.HubClient.Revision;
import io.tandem.server.remote.Unavailable.Reason;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Repositories of a HuggingFace hub, by way of the cache that its tools share. What the cache has is used as it is, without a
 * question to the hub, so a start depends on no network and serves what the last one served.
 */
public final class Hub {
    private static final Logger LOG = LoggerFactory.getLogger(Hub.class);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final long MEGA = 1_000_000;

    private final HubSettings settings;
    private final HubClient client;
    private final Retries retries;

    public Hub(HubSettings settings) {
        this(settings, FIRST_PAUSE);
    }

    /** @param pause after the first failure of the network */
    Hub(HubSettings settings, Duration pause) {
        this.settings = settings;
        this.client = new HubClient(settings);
        this.retries = new Retries(pause);
    }

    /**
     * A model's configuration, tokenizer and weights.
     *
     * @return a directory in the cache
     * @throws Unavailable if it cannot be had
     */
    public Path model(HubName name, LoadProgress progress) throws IOException {
        return snapshot(name, new BaseModelFiles(name), Long.MAX_VALUE, progress);
    }

    /**
     * What is known of a model without its weights.
     *
     * @param snapshot a directory in the cache with its configuration and tokenizer
     * @param missingBytes of weights that the cache lacks
     */
    public record Outline(Path snapshot, long missingBytes) {}

    /**
     * A model's configuration and tokenizer, and what its weights would take.
     *
     * @throws Unavailable if it cannot be had
     */
    public Outline outline(HubName name, LoadProgress progress) throws IOException {
        HubCache cache = new HubCache(settings.cache(), name);
        BaseModelFiles wanted = new BaseModelFiles(name);
        Optional<Path> cached = cached(cache, name, wanted);
        if (cached.isPresent()) {
            return new Outline(cached.get(), 0);
        }
        requireOnline(name);
        FileChannel lock = lock(cache, name);
        try {
            Revision revision = revision(name);
            Path snapshot = cache.snapshot(revision.commit());
            fetch(cache, name, revision, wanted.first(revision.files()), Long.MAX_VALUE, progress);
            long missing = blobs(name, revision, wanted.then(revision.files(), snapshot)).stream()
                    .filter(blob -> !cache.has(blob))
                    .mapToLong(Blob::bytes)
                    .sum();
            return new Outline(snapshot, missing);
        } finally {
            lock.close();
        }
    }

    /**
     * An adapter in PEFT's layout.
     *
     * @param folder in the repository; empty for its top
     * @param maxBytes of its files
     * @return a directory in the cache
     * @throws Unavailable if it cannot be had
     */
    public Path adapter(HubName name, String folder, long maxBytes) throws IOException {
        return snapshot(name, new AdapterFiles(name, folder), maxBytes, LoadProgress.NONE)
                .resolve(folder);
    }

    private Path snapshot(HubName name, RepositoryFiles wanted, long maxBytes, LoadProgress progress)
            throws IOException {
        HubCache cache = new HubCache(settings.cache(), name);
        Optional<Path> cached = cached(cache, name, wanted);
        if (cached.isPresent()) {
            return cached.get();
        }
        requireOnline(name);
        FileChannel lock = lock(cache, name);
        try {
            // Whoever had the lock may have fetched it.
            Optional<Path> others = cached(cache, name, wanted);
            return others.isPresent() ? others.get() : fetch(cache, name, wanted, maxBytes, progress);
        } finally {
            lock.close();
        }
    }

    private void requireOnline(HubName name) throws Unavailable {
        if (settings.offline()) {
            throw new Unavailable(
                    Reason.ABSENT,
                    "'" + name + "' is not complete in the cache, and HF_HUB_OFFLINE forbids fetching it");
        }
    }

    private static FileChannel lock(HubCache cache, HubName name) throws IOException {
        return cache.lock(() -> LOG.info("waiting for another process that fetches {}", name));
    }

    private Revision revision(HubName name) throws IOException {
        return retries.of(asking(name.toString()), () -> client.revision(name));
    }

    private List<Blob> blobs(HubName name, Revision revision, List<String> files) throws IOException {
        List<Blob> blobs = new ArrayList<>();
        for (String file : files) {
            blobs.add(retries.of(asking(file), () -> client.blob(name, revision.commit(), file)));
        }
        return blobs;
    }

    private static Optional<Path> cached(HubCache cache, HubName name, RepositoryFiles wanted) {
        return cache.commit(name.revision()).map(cache::snapshot).filter(wanted::complete);
    }

    private Path fetch(HubCache cache, HubName name, RepositoryFiles wanted, long maxBytes, LoadProgress progress)
            throws IOException {
        Revision revision = revision(name);
        Path snapshot = cache.snapshot(revision.commit());
        fetch(cache, name, revision, wanted.first(revision.files()), maxBytes, progress);
        fetch(cache, name, revision, wanted.then(revision.files(), snapshot), maxBytes, progress);
        cache.remember(name.revision(), revision.commit());
        return snapshot;
    }

    private void fetch(
            HubCache cache, HubName name, Revision revision, List<String> files, long maxBytes, LoadProgress progress)
            throws IOException {
        List<Blob> blobs = blobs(name, revision, files);
        long total = blobs.stream().mapToLong(Blob::bytes).sum();
        if (total > maxBytes || total < 0) {
            throw new Unavailable(Reason.TOO_LARGE, "'" + name + "' has " + total + " bytes, more than " + maxBytes);
        }
        requireSpace(cache, blobs);
        List<Blob> missing = blobs.stream().filter(blob -> !cache.has(blob)).toList();
        if (!missing.isEmpty()) {
            LOG.info("fetching {} files of {} at {}, {} MB", missing.size(), name, revision.commit(), total / MEGA);
        }
        long before = 0;
        for (Blob blob : blobs) {
            if (missing.contains(blob)) {
                long done = before;
                fetch(cache, name, revision, blob, bytes -> progress.show(done + bytes, total));
            }
            cache.link(revision.commit(), blob);
            before += blob.bytes();
        }
    }

    private void fetch(HubCache cache, HubName name, Revision revision, Blob blob, LongConsumer progress)
            throws IOException {
        try (Download download = new Download(
                blob,
                cache.incomplete(blob),
                from -> client.content(name, revision.commit(), blob.path(), from),
                retries,
                progress)) {
            download.run();
        }
        cache.publish(blob);
    }

    private String asking(String what) {
        return "asking " + settings.endpoint() + " for " + what;
    }

    private static void requireSpace(HubCache cache, List<Blob> blobs) throws IOException {
        long needed = 0;
        for (Blob blob : blobs) {
            needed += cache.missingBytes(blob);
        }
        long free = cache.freeBytes();
        if (needed > free) {
            throw new Unavailable(
                    Reason.NO_SPACE,
                    needed / MEGA + " MB have to be fetched, and the disk of the cache " + cache.root() + " has "
                            + free / MEGA + " MB free; make room, or name another with HF_HUB_CACHE");
        }
    }
}
