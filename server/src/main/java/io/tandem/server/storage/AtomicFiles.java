package io.tandem.server.storage;

import io.tandem.kernels.weights.DurableFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Writes that a crash leaves either undone or done: everything is complete and on disk before it gets its name. */
public final class AtomicFiles {
    private static final String UNFINISHED = ".unfinished-";

    private AtomicFiles() {}

    /** Writes a text file, replacing the one that is there; when this returns it survives a crash. */
    public static void write(Path file, String text) throws IOException {
        Path unfinished = unfinished(file);
        try {
            createDirectories(parent(file));
            try {
                Files.write(unfinished, text.getBytes(StandardCharsets.UTF_8));
                sync(unfinished);
                DurableFile.publish(unfinished, file);
            } finally {
                delete(unfinished);
            }
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /** A name beside the target under which to write it. */
    public static Path unfinished(Path target) {
        return target.resolveSibling(UNFINISHED + UUID.randomUUID());
    }

    /** Whether a name is one of {@link #unfinished}. */
    public static boolean isUnfinished(Path path) {
        return path.getFileName().toString().startsWith(UNFINISHED);
    }

    /** Forces a file, or a directory with all that is in it, to the disk. */
    public static void sync(Path path) throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path entry : tree.sorted(Comparator.reverseOrder()).toList()) {
                DurableFile.force(entry);
            }
        }
    }

    private static void forceParent(Path path) throws IOException {
        DurableFile.force(parent(path));
    }

    private static Path parent(Path path) {
        return Objects.requireNonNull(path.toAbsolutePath().getParent());
    }

    /** Makes a directory and those above it that are missing; when this returns they survive a crash. */
    public static void createDirectories(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            return;
        }
        Path parent = directory.toAbsolutePath().getParent();
        if (parent != null) {
            createDirectories(parent);
        }
        try {
            Files.createDirectory(directory);
        } catch (FileAlreadyExistsException e) {
            // Another thread may have made it.
            if (!Files.isDirectory(directory)) {
                throw new IOException(directory + " is not a directory; move it away", e);
            }
        }
        forceParent(directory);
    }

    /**
     * Takes a directory away in one step, so that nobody sees half of it, and deletes it.
     *
     * @return false if it is not there
     */
    public static boolean remove(Path directory) throws IOException {
        Path unfinished = unfinished(directory);
        try {
            Files.move(directory, unfinished, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException e) {
            return false;
        }
        // Or a loss of power might leave the old name with half of its files.
        forceParent(directory);
        delete(unfinished);
        return true;
    }

    /** Deletes a file or a directory with all that is in it, if it is there. */
    public static void delete(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path entry : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(entry);
            }
        }
    }

    /** Of a file, or of all files in a directory. */
    public static long bytes(Path path) throws IOException {
        long sum = 0;
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path file : tree.filter(Files::isRegularFile).toList()) {
                sum += Files.size(file);
            }
        }
        return sum;
    }

    /**
     * The directories in a directory, by name; none if it does not exist.
     *
     * @param names whether a name is one of those that are meant: whatever else is there belongs to somebody else
     */
    public static List<Path> directories(Path directory, Predicate<String> names) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(path -> names.test(path.getFileName().toString()) && Files.isDirectory(path))
                    .sorted()
                    .toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }
}
