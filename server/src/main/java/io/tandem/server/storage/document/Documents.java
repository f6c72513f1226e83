package io.tandem.server.storage.document;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * JSON documents by collection and id, and logs of lines. Takes as long as a disk or a network does, and serves several
 * threads.
 *
 * <p>A damaged document stays where it is, is reported once in the log, and is otherwise treated as if it were missing, so
 * that it hides nothing but itself.
 */
public interface Documents extends AutoCloseable {
    /** A document and its id. */
    record Document(String id, ObjectNode body) {}

    /**
     * A line of a log.
     *
     * @param number grows within a log
     */
    record Line(long number, String text) {}

    /** A document; empty if it is missing. */
    Optional<ObjectNode> get(String collection, String id) throws IOException;

    /** The documents whose ids begin with a text, by id; the order is that of UTF-8's bytes. */
    List<Document> list(String collection, String prefix) throws IOException;

    /** The same without their bodies, and with those that are damaged. */
    List<String> ids(String collection, String prefix) throws IOException;

    /**
     * Writes everything or nothing; when this returns it survives a crash.
     *
     * @return how many documents were there to be deleted
     * @throws UnreachableException if the database does not answer
     */
    int write(List<Change> changes) throws IOException;

    /**
     * The same for changes after which more can be deleted. They have room where others have none.
     *
     * @return how many documents were there to be deleted
     * @throws UnreachableException if the database does not answer
     */
    default int writeDeletion(List<Change> changes) throws IOException {
        return write(changes);
    }

    /** Writes everything or nothing; the last changes may be lost in a crash, and never earlier ones without them. */
    void writeSoon(List<Change> changes) throws IOException;

    /**
     * The first lines of a log after a number, the oldest first.
     *
     * @param after 0 to begin with the oldest
     */
    List<Line> oldest(String log, long after, int limit) throws IOException;

    /**
     * The last lines of a log before a number, the newest first.
     *
     * @param before {@link Long#MAX_VALUE} to begin with the newest
     */
    List<Line> newest(String log, long before, int limit) throws IOException;

    @Override
    void close();
}
