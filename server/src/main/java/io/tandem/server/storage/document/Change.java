package io.tandem.server.storage.document;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** One thing that is written; several are written together or not at all. */
public sealed interface Change {
    /** Of an id, so that a database can index it. */
    int MAX_ID_CHARS = 600;
    /** No document that a server writes is nearly so large. */
    int MAX_BODY_BYTES = 4 << 20;

    /** Writes a document, replacing the one that is there. */
    record Put(String collection, String id, String body) implements Change {
        public Put {
            require(id);
        }

        public Put(String collection, String id, ObjectNode body) {
            this(collection, id, body.toString());
        }
    }

    /** Deletes a document, if it is there. */
    record Delete(String collection, String id) implements Change {}

    /** Adds lines to the end of a log. */
    record Append(String log, List<String> lines) implements Change {
        public Append {
            require(log);
            lines = List.copyOf(lines);
        }

        public Append(String log, String line) {
            this(log, List.of(line));
        }
    }

    /** Deletes all lines of a log. */
    record Clear(String log) implements Change {}

    /** Whether databases can keep a text as an id. */
    static boolean isId(String id) {
        return !id.isEmpty()
                && id.length() <= MAX_ID_CHARS
                && id.indexOf('\0') < 0
                && StandardCharsets.UTF_8.newEncoder().canEncode(id);
    }

    private static void require(String id) {
        if (!isId(id)) {
            throw new IllegalArgumentException(
                    "not a possible id: " + id.substring(0, Math.min(id.length(), MAX_ID_CHARS)));
        }
    }
}
