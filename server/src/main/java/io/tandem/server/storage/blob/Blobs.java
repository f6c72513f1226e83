package io.tandem.server.storage.blob;

import io.tandem.server.storage.NotStoredException;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Files and directories of files by keys, which are paths with slashes, none of which goes on after another one. Each is whole
 * or absent. Takes as long as a disk or a network does, and serves several threads.
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
     * To be asked before something large is made ready.
     *
     * @throws UnreachableException if what keeps the blobs did not answer the last time, nor does it now
     */
    default void requireThere() throws IOException {}

    /**
     * Makes a blob, replacing the one that is there; when this returns it survives a crash.
     *
     * @throws NoSuchFileException if what is written comes from a file that is missing
     * @throws NotStoredException if there is no room for it; nothing is left of it
     * @throws UnreachableException if what keeps it does not answer; it may be there all the same
     */
    void put(String key, Writing writing) throws IOException;

    /** Makes a blob with the content of another, whatever becomes of that one. */
    void copy(String from, String to) throws IOException;

    /**
     * Has something done with a blob, which what was opened of it outlives. Where it lies on a disk, a directory that is
     * replaced or deleted meanwhile does not: what is opened of it later may be the new one's, or missing.
     *
     * @throws NoSuchFileException if there is no such blob
     * @throws DamagedBlobException if it is known not to be whole
     */
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

    /** Where they all are, in words that say it after a restart too. */
    String home();

    /** Where people find the files of a blob: from the data directory on, or as the address of a bucket. */
    String place(String key) throws IOException;

    /** Ends what earlier runs began to store and nobody can find any more. Only when a server starts. */
    default void forgetUnfinished() throws IOException {}

    @Override
    default void close() {}
}
