package io.tandem.server.remote;

import io.tandem.kernels.weights.DurableFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A repository in the cache of <a
 * href="https://huggingface.co/docs/huggingface_hub/guides/manage-cache">huggingface_hub</a>: {@code blobs} by checksum,
 * {@code snapshots/COMMIT} with links to them, and {@code refs} with the commits of branches and tags.
 */
final class HubCache {
    private static final long LOCK_POLL_MILLIS = 200;

    private final Path root;
    private final Path repository;
    private final String folder;

    HubCache(Path root, HubName name) {
        this.root = root;
        this.folder = "models--" + name.repository().replace("/", "--");
        this.repository = root.resolve(folder);
    }

    /** The commit that the cache has for a revision; empty if it has none. */
    Optional<String> commit(String revision) {
        if (HubName.isCommit(revision)) {
            return Optional.of(revision);
        }
        try {
            Path ref = ref(revision);
            return Files.isRegularFile(ref)
                    ? Optional.of(Files.readString(ref).strip()).filter(HubName::isCommit)
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private Path ref(String revision) {
        return repository.resolve("refs").resolve(revision);
    }

    void remember(String revision, String commit) throws IOException {
        if (!HubName.isCommit(revision)) {
            Path ref = ref(revision);
            Files.createDirectories(Objects.requireNonNull(ref.getParent()));
            DurableFile.write(ref, commit.getBytes(StandardCharsets.UTF_8));
        }
    }

    Path snapshot(String commit) {
        return repository.resolve("snapshots").resolve(commit);
    }

    boolean has(HubClient.Blob blob) {
        try {
            Path file = blob(blob);
            return Files.isRegularFile(file) && Files.size(file) == blob.bytes();
        } catch (IOException e) {
            return false;
        }
    }

    /** What is still to be fetched of a blob. */
    long missingBytes(HubClient.Blob blob) throws IOException {
        Path begun = incomplete(blob);
        long there = Files.exists(begun) ? Math.min(Files.size(begun), blob.bytes()) : 0;
        return has(blob) ? 0 : blob.bytes() - there;
    }

    private Path blob(HubClient.Blob blob) {
        return repository.resolve("blobs").resolve(blob.checksum());
    }

    /** Where a blob is written. Not where huggingface_hub writes it: our locks do not keep that one out. */
    Path incomplete(HubClient.Blob blob) throws IOException {
        Path file = blob(blob);
        Files.createDirectories(Objects.requireNonNull(file.getParent()));
        return file.resolveSibling(blob.checksum() + ".tandem.incomplete");
    }

    /** A blob is whole and on the disk. */
    void publish(HubClient.Blob blob) throws IOException {
        DurableFile.publish(incomplete(blob), blob(blob));
    }

    /** Gives a blob its name in a snapshot. */
    void link(String commit, HubClient.Blob blob) throws IOException {
        Path link = snapshot(commit).resolve(blob.path());
        Path directory = Objects.requireNonNull(link.getParent());
        Files.createDirectories(directory);
        if (Files.exists(link)) {
            return;
        }
        // A link to what is not there any more.
        if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
            Files.delete(link);
        }
        try {
            Files.createSymbolicLink(link, directory.relativize(blob(blob)));
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | IOException e) {
            // Windows keeps symbolic links for developers and administrators.
            Files.createLink(link, blob(blob));
        }
    }

    /** Free on the disk of the cache. */
    long freeBytes() throws IOException {
        Files.createDirectories(repository);
        return Files.getFileStore(repository).getUsableSpace();
    }

    Path root() {
        return root;
    }

    /**
     * Keeps others who fetch from the same repository out, in this process and in others.
     *
     * @param waiting called once if somebody else does
     */
    FileChannel lock(Runnable waiting) throws IOException {
        Path locks = root.resolve(".locks").resolve(folder);
        Files.createDirectories(locks);
        FileChannel channel =
                FileChannel.open(locks.resolve("tandem-lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (!locks(channel)) {
                waiting.run();
                while (!locks(channel)) {
                    Retries.sleep(LOCK_POLL_MILLIS);
                }
            }
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static boolean locks(FileChannel channel) throws IOException {
        try {
            @Nullable FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }
}
