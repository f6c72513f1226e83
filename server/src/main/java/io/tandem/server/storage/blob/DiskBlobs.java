package io.tandem.server.storage.blob;

import io.tandem.kernels.weights.DurableFile;
import io.tandem.server.storage.AtomicFiles;
import io.tandem.server.storage.NotStoredException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Blobs in a directory, at their keys. */
public final class DiskBlobs implements Blobs {
    public static final String HOME = "the data directory";

    private final Path root;
    /** Held while a blob gets its place, or a directory that has others in it loses its own. */
    private final Object places = new Object();

    public DiskBlobs(Path root) {
        this.root = root;
    }

    @Override
    public void put(String key, Writing writing) throws IOException {
        Path target = path(key);
        // Where nobody deletes a directory around it, and on the file system of its place.
        Path top = root.resolve(root.relativize(target).getName(0));
        Path unfinished = AtomicFiles.unfinished(top.resolve("blob"));
        try {
            AtomicFiles.createDirectories(top);
            try {
                writing.into(unfinished);
                AtomicFiles.sync(unfinished);
                synchronized (places) {
                    AtomicFiles.createDirectories(Objects.requireNonNull(target.getParent()));
                    // Neither is moved over the other, nor over a directory with files in it.
                    if (Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)
                            || (Files.exists(target) && Files.isDirectory(unfinished))) {
                        AtomicFiles.remove(target);
                    }
                    DurableFile.publish(unfinished, target);
                }
            } finally {
                AtomicFiles.delete(unfinished);
            }
        } catch (NoSuchFileException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    @Override
    public void copy(String from, String to) throws IOException {
        put(to, unfinished -> link(path(from), unfinished));
    }

    /** Gives a blob a second place, with links to its files where that is possible. */
    public static void link(Path content, Path target) throws IOException {
        try (Stream<Path> tree = Files.walk(content)) {
            for (Path entry : tree.toList()) {
                Path copy = target.resolve(content.relativize(entry).toString());
                if (Files.isDirectory(entry)) {
                    Files.createDirectory(copy);
                } else {
                    linkFile(entry, entry.equals(content) ? target : copy);
                }
            }
        }
    }

    private static void linkFile(Path content, Path target) throws IOException {
        try {
            Files.createLink(target, content);
        } catch (NoSuchFileException e) {
            throw e;
        } catch (UnsupportedOperationException | FileSystemException e) {
            // Not on this file system, or from one to another.
            Files.copy(content, target);
        }
    }

    @Override
    public <T> T read(String key, Reading<T> reading) throws IOException {
        Path blob = path(key);
        // Others that cannot be looked at may be there.
        if (Files.notExists(blob)) {
            throw new NoSuchFileException(key);
        }
        return reading.from(blob);
    }

    @Override
    public boolean exists(String key) {
        return Files.exists(path(key));
    }

    @Override
    public List<String> list(String prefix) throws IOException {
        List<String> keys = new ArrayList<>();
        Path directory = root.resolve(prefix);
        try (Stream<Path> all = Files.list(directory)) {
            all.filter(path -> !AtomicFiles.isUnfinished(path)).forEach(path -> keys.add(prefix + path.getFileName()));
        } catch (NoSuchFileException e) {
            // Nothing was put there yet.
        }
        Collections.sort(keys);
        return keys;
    }

    @Override
    public boolean delete(String key) throws IOException {
        Path path = path(key);
        synchronized (places) {
            boolean removed = AtomicFiles.remove(path);
            for (Path above = path.getParent();
                    above != null && above.getNameCount() > root.getNameCount() + 1 && isEmpty(above);
                    above = above.getParent()) {
                Files.delete(above);
            }
            return removed;
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.findAny().isEmpty();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return false;
        }
    }

    @Override
    public String home() {
        return HOME;
    }

    @Override
    public String place(String key) {
        return key;
    }

    private Path path(String key) {
        Path path = root.resolve(key);
        if (!path.startsWith(root) || !path.equals(path.normalize()) || path.getNameCount() < root.getNameCount() + 2) {
            throw new IllegalArgumentException("'" + key + "' is not a possible key");
        }
        return path;
    }
}
