package io.tandem.server.storage;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/** Paths from clients never leave their root, not through links either. */
public final class ContainedPath {
    private ContainedPath() {}

    /**
     * The existing file or directory that a client's path means.
     *
     * @param path relative to the root, or absolute below it
     * @return empty if nothing is there, or if it is elsewhere; a client cannot tell which
     */
    public static Optional<Path> resolve(Path root, String path) {
        try {
            Path real = root.resolve(path).toRealPath();
            return real.startsWith(root.toRealPath()) && !real.equals(root.toRealPath())
                    ? Optional.of(real)
                    : Optional.empty();
        } catch (IOException | InvalidPathException e) {
            return Optional.empty();
        }
    }
}
