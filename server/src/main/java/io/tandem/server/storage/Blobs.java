package io.tandem.server.storage;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Files and directories of files by keys, which are paths with slashes. Each is whole or absent. Takes as long as a disk or a
 * network does, and serves several threads.
 */
public interface Blobs extends AutoCloseable {
    /** Writes a file, or makes a directory and files in it, at a path that nobody else knows. */
    interface Writing {
        void into(Path unfinished) throws IOException;
    }

    /** What is done with a blob while it is in place; it may not be changed. */
    interface Reading<T> {
        T from(Path blob) throws IOException;
    }

    /**
     * Makes a blob, replacing the one that is there; when this returns it survives a crash.
     *
     * @throws NoSuchFileException if what is written comes from a file that is missing
     * @throws NotStoredException if there is no room for it; nothing is left of it
     */
    void put(String key, Writing writing) throws IOException;

    /** Makes a blob with the content of another, whatever becomes of that one. */
    void copy(String from, String to) throws IOException;

    /** @throws NoSuchFileException if there is no such blob */
    <T> T read(String key, Reading<T> reading) throws IOException;

    boolean exists(String key) throws IOException;

    /** The keys that go on after a text, which ends with a slash, with a name and nothing more; sorted. */
    List<String> list(String prefix) throws IOException;

    /**
     * Deletes a blob, and all whose keys go on after it with a slash.
     *
     * @return false if there was none
     */
    boolean delete(String key) throws IOException;

    @Override
    default void close() {}
}
