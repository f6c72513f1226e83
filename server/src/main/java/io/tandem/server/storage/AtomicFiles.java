package io.tandem.server.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;

/** Writes that a crash leaves either undone or done: everything is complete and on disk before it gets its name. */
final class AtomicFiles {
    /** Beginning of names that a crash may leave behind. */
    static final String UNFINISHED = ".unfinished-";

    private AtomicFiles() {}

    static void write(Path file, String text) throws IOException {
        Path unfinished = unfinished(file);
        Files.write(unfinished, text.getBytes(StandardCharsets.UTF_8));
        publish(unfinished, file);
    }

    /** A name beside the target under which to write it. */
    static Path unfinished(Path target) {
        return target.resolveSibling(UNFINISHED + UUID.randomUUID());
    }

    /** Gives a finished file or directory its name; a directory must not exist yet. */
    static void publish(Path finished, Path target) throws IOException {
        sync(finished);
        Files.move(finished, target, StandardCopyOption.ATOMIC_MOVE);
        force(Objects.requireNonNull(target.toAbsolutePath().getParent()));
    }

    /** Forces a file, or a directory with all that is in it, to the disk. */
    static void sync(Path path) throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path entry : tree.sorted(Comparator.reverseOrder()).toList()) {
                force(entry);
            }
        }
    }

    private static void force(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Deletes a file or a directory with all that is in it, if it is there. */
    static void delete(Path path) throws IOException {
        if (!Files.exists(path)) {
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

    /** The finished entries of a directory, by name; what a crash left unfinished is deleted. */
    static List<Path> list(Path directory) throws IOException {
        Files.createDirectories(directory);
        deleteUnfinished(directory);
        try (Stream<Path> all = Files.list(directory)) {
            return all.sorted().toList();
        }
    }

    /** Deletes what a crash left behind in a directory. */
    static void deleteUnfinished(Path directory) throws IOException {
        List<Path> unfinished;
        try (Stream<Path> all = Files.list(directory)) {
            unfinished = all.filter(path -> path.getFileName().toString().startsWith(UNFINISHED))
                    .toList();
        }
        for (Path path : unfinished) {
            delete(path);
        }
    }
}
