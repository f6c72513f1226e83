package io.tandem.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Temporary directories and server processes, which must not outlive a load test that is interrupted. */
public final class Leftovers {
    private static final Set<Path> DIRECTORIES = ConcurrentHashMap.newKeySet();
    private static final Set<Process> PROCESSES = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(Leftovers::clear, "leftovers"));
    }

    private Leftovers() {}

    /** A new directory, for {@link #delete}. */
    public static Path directory(String prefix) throws IOException {
        Path directory = Files.createTempDirectory(prefix);
        DIRECTORIES.add(directory);
        return directory;
    }

    /** Deletes a directory with all that is in it. */
    public static void delete(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        DIRECTORIES.remove(directory);
    }

    /** Starts a process, for {@link #ended}. */
    static Process start(ProcessBuilder builder) throws IOException {
        Process process = builder.start();
        PROCESSES.add(process);
        return process;
    }

    static void ended(Process process) {
        PROCESSES.remove(process);
    }

    private static void clear() {
        // A process that still runs would go on writing to its directory.
        PROCESSES.forEach(process -> process.destroyForcibly().onExit().join());
        for (Path directory : DIRECTORIES) {
            try {
                delete(directory);
            } catch (UncheckedIOException e) {
                System.err.println("Left behind: " + directory);
            }
        }
    }
}
