package io.tandem.server.storage.blob;

import io.tandem.server.storage.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of blobs on the disk, by their generations, which never change. Those that are in use stay; of the others, the least
 * recently used go once all together exceed the limit.
 */
final class BlobCache {
    private static final Logger LOG = LoggerFactory.getLogger(BlobCache.class);

    /** Makes a copy. */
    interface Fetching {
        void into(Path place) throws IOException;
    }

    private final Path directory;
    private final long limit;
    private final Map<String, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
    private long bytes;

    /** @param directory empty, and nobody else's */
    BlobCache(Path directory, long limit) {
        this.directory = directory;
        this.limit = limit;
    }

    /** A copy, which stays in its place until this is closed. */
    interface Lease extends AutoCloseable {
        Path path();

        @Override
        void close();
    }

    /** Whoever asks for the same copy at once waits for the first. */
    Lease lease(String generation, long size, Fetching fetching) throws IOException {
        Entry entry;
        synchronized (this) {
            entry = entries.computeIfAbsent(generation, Entry::new);
            entry.leases++;
        }
        try {
            entry.fill(size, fetching);
            return entry;
        } catch (IOException | RuntimeException e) {
            entry.close();
            throw e;
        }
    }

    /** Takes over what has just been stored, since it is often read next. */
    synchronized void adopt(String generation, long size, Path content) {
        if (size <= limit && !entries.containsKey(generation)) {
            Entry entry = new Entry(generation);
            try {
                Files.move(content, entry.path());
            } catch (IOException e) {
                LOG.warn("{} will be fetched when it is read: {}", generation, e.toString());
                return;
            }
            entry.filled(size);
            entries.put(generation, entry);
            evict();
        }
    }

    private synchronized void evict() {
        Iterator<Entry> oldestFirst = entries.values().iterator();
        while (oldestFirst.hasNext()) {
            Entry entry = oldestFirst.next();
            if (entry.leases == 0 && (!entry.full || bytes > limit)) {
                // Whoever wants it again waits until it is gone.
                oldestFirst.remove();
                bytes -= entry.size;
                remove(entry.path());
            }
        }
    }

    private static void remove(Path path) {
        try {
            AtomicFiles.delete(path);
        } catch (IOException e) {
            LOG.warn("{} will be deleted at the next start: {}", path, e.toString());
        }
    }

    private final class Entry implements Lease {
        private final String generation;
        // Of the cache's monitor.
        private int leases;
        private long size;
        private boolean full;

        Entry(String generation) {
            this.generation = generation;
        }

        @Override
        public Path path() {
            return directory.resolve(generation);
        }

        synchronized void fill(long expected, Fetching fetching) throws IOException {
            if (isFull()) {
                return;
            }
            try {
                fetching.into(path());
            } catch (IOException | RuntimeException e) {
                remove(path());
                throw e;
            }
            filled(expected);
        }

        private boolean isFull() {
            synchronized (BlobCache.this) {
                return full;
            }
        }

        private void filled(long actual) {
            synchronized (BlobCache.this) {
                full = true;
                size = actual;
                bytes += actual;
            }
        }

        @Override
        public void close() {
            synchronized (BlobCache.this) {
                leases--;
            }
            evict();
        }
    }
}
