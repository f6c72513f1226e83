package io.tandem.server.storage;

import io.tandem.kernels.weights.DurableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Writes that a crash leaves either undone or done: everything is complete and on disk before it gets its name. */
final class AtomicFiles {
    private static final String UNFINISHED = ".unfinished-";

    private AtomicFiles() {}

    /** Writes into a path that nobody else knows. */
    interface Writing {
        void into(Path unfinished) throws IOException;
    }

    /** Writes a text file, replacing the one that is there; when this returns it survives a crash. */
    static void write(Path file, String text) throws IOException {
        create(file, unfinished -> Files.write(unfinished, text.getBytes(StandardCharsets.UTF_8)));
    }

    /**
     * Makes a file or a new directory; when this returns it survives a crash.
     *
     * @throws NoSuchFileException if what is written comes from a file that is missing
     * @throws NotStoredException if the disk does not take it; nothing is left of it
     */
    static void create(Path target, Writing writing) throws IOException {
        Path unfinished = unfinished(target);
        try {
            createDirectories(parent(target));
            try {
                writing.into(unfinished);
                publish(unfinished, target);
            } finally {
                delete(unfinished);
            }
        } catch (NoSuchFileException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /**
     * Adds a line to a text file; the last ones may be lost in a crash. One that was cut off then stays a line by itself.
     */
    static void append(Path file, String line) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long end = channel.size();
            ByteBuffer last = ByteBuffer.allocate(1);
            boolean cut = end > 0 && channel.read(last, end - 1) == 1 && last.get(0) != '\n';
            ByteBuffer bytes = ByteBuffer.wrap(((cut ? "\n" : "") + line + "\n").getBytes(StandardCharsets.UTF_8));
            channel.position(end);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }
    }

    /** A name beside the target under which to write it. */
    static Path unfinished(Path target) {
        return target.resolveSibling(UNFINISHED + UUID.randomUUID());
    }

    /** Whether a name is one of {@link #unfinished}. */
    static boolean isUnfinished(Path path) {
        return path.getFileName().toString().startsWith(UNFINISHED);
    }

    /** Gives a finished file or directory its name; a file replaces what is there, a directory must not exist yet. */
    static void publish(Path finished, Path target) throws IOException {
        sync(finished);
        DurableFile.publish(finished, target);
    }

    /** Forces a file, or a directory with all that is in it, to the disk. */
    static void sync(Path path) throws IOException {
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
    static void createDirectories(Path directory) throws IOException {
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
    static boolean remove(Path directory) throws IOException {
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
    static void delete(Path path) throws IOException {
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
    static long bytes(Path path) throws IOException {
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
    static List<Path> directories(Path directory, Predicate<String> names) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(path -> names.test(path.getFileName().toString()) && Files.isDirectory(path))
                    .sorted()
                    .toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }
}
