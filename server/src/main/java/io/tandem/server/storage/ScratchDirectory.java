package io.tandem.server.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory for a moment; it is deleted with all that is in it. */
public final class ScratchDirectory implements AutoCloseable {
    private final Path path;

    private ScratchDirectory(Path path) {
        this.path = path;
    }

    /** A new one below another directory. */
    public static ScratchDirectory in(Path parent) throws IOException {
        return new ScratchDirectory(Files.createTempDirectory(parent, "scratch-"));
    }

    public Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        AtomicFiles.delete(path);
    }
}
