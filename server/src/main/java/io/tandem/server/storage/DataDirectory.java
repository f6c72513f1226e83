package io.tandem.server.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory in which a server keeps everything, locked against a second server.
 *
 * <p>Opening it deletes what a crash left behind. Nothing else ever does: while a server runs, what looks unfinished is a
 * write in progress.
 */
public final class DataDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DataDirectory.class);
    /** The deepest place where a store writes: {@code jobs/ID/TRIAL/checkpoints/STEP/UNFINISHED}, seen from {@code jobs}. */
    private static final int DEPTH = 5;

    private static final List<String> STORES = List.of("files", "adapters", "jobs", "batches", "tenants");

    /** There as long as documents are to be taken over. */
    private static final String LEGACY = "upgrading";

    private static final String WARNING =
            "This data directory belongs to a newer Tandem than the one that needs a directory"
                    + " here. See 'Upgrades' in docs/operations.md.\n";

    private final Path root;
    private final FileChannel lock;

    private DataDirectory(Path root, FileChannel lock) {
        this.root = root;
        this.lock = lock;
    }

    /**
     * Opens a directory, which is made if it is missing.
     *
     * @throws IOException if it cannot be used, or another server uses it
     */
    public static DataDirectory open(Path root) throws IOException {
        Path absolute = root.toAbsolutePath();
        AtomicFiles.createDirectories(absolute);
        DataDirectory data = new DataDirectory(absolute, lock(absolute));
        try {
            data.refuseEarlierServers();
            for (String store : STORES) {
                AtomicFiles.createDirectories(absolute.resolve(store));
                deleteUnfinished(absolute.resolve(store).toRealPath());
            }
            AtomicFiles.createDirectories(data.uploads());
            try (Stream<Path> uploads = Files.list(data.uploads())) {
                uploads.forEach(DataDirectory::deleteLeftover);
            }
            return data;
        } catch (IOException | RuntimeException e) {
            data.close();
            throw e;
        }
    }

    /**
     * Servers that kept documents in files made a directory of this name. They refuse a file in its place, which is better
     * than to start without any documents, and so without keys.
     */
    private void refuseEarlierServers() throws IOException {
        Path barrier = root.resolve("uploads");
        if (Files.isDirectory(barrier) && !Files.isSymbolicLink(barrier)) {
            AtomicFiles.delete(root.resolve(LEGACY));
            Files.move(barrier, root.resolve(LEGACY), StandardCopyOption.ATOMIC_MOVE);
        }
        if (!Files.exists(barrier)) {
            AtomicFiles.write(barrier, WARNING);
        }
    }

    /**
     * Takes over what an earlier server has left, if one has.
     *
     * @throws IOException if it could not be done; the next start goes on
     */
    public void upgrade(Storage storage) throws IOException {
        if (isToBeUpgraded()) {
            LegacyImport.run(root, storage);
            AtomicFiles.delete(root.resolve(LEGACY));
        }
    }

    private static FileChannel lock(Path root) throws IOException {
        FileChannel channel =
                FileChannel.open(root.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            channel.close();
            throw new IOException("the data directory " + root + " is in use by this process", e);
        }
        channel.close();
        throw new IOException(
                "the data directory " + root + " is in use by another server; choose another with --data");
    }

    private static void deleteUnfinished(Path store) throws IOException {
        FileVisitor<Path> visitor = new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                return deleteIfUnfinished(directory) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                deleteIfUnfinished(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path path, IOException e) {
                LOG.warn("{} cannot be read: {}", path, e.toString());
                return FileVisitResult.CONTINUE;
            }
        };
        Files.walkFileTree(store, Set.of(), DEPTH, visitor);
    }

    private static boolean deleteIfUnfinished(Path path) {
        boolean unfinished = AtomicFiles.isUnfinished(path);
        if (unfinished) {
            deleteLeftover(path);
        }
        return unfinished;
    }

    private static void deleteLeftover(Path path) {
        try {
            AtomicFiles.delete(path);
            LOG.info("deleted {}, which an earlier run did not finish", path);
        } catch (IOException e) {
            LOG.warn("{} is left from an earlier run and cannot be deleted: {}", path, e.toString());
        }
    }

    /** The database of documents, if it is in this directory. */
    public Path database() {
        return root.resolve("documents.db");
    }

    /** Where blobs are, if they are in this directory. */
    public Path blobs() {
        return root;
    }

    /** Whether an earlier server has left something that this one has not taken over yet. */
    public boolean isToBeUpgraded() {
        return Files.exists(root.resolve(LEGACY));
    }

    /** What TensorBoard shows of fine-tuning jobs. */
    public Path jobs() {
        return root.resolve("jobs");
    }

    /** Request bodies and scratch files, on the file system of the others. */
    public Path uploads() {
        return root.resolve("scratch");
    }

    /** Lets another server use the directory. */
    @Override
    public void close() {
        try {
            lock.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
