package io.tandem.server.storage.document;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * JSON objects on disk. One that is damaged is left where it is, said once in the log, and otherwise treated as if it
 * were missing, so that it hides nothing but itself.
 */
public final class StoredJson {
    private static final Logger LOG = LoggerFactory.getLogger(StoredJson.class);
    /** No object that a server writes is nearly so large. */
    private static final int MAX_BYTES = Change.MAX_BODY_BYTES;

    private static final Set<String> REPORTED = ConcurrentHashMap.newKeySet();

    private StoredJson() {}

    /** The object in a file; empty if there is none. */
    public static Optional<ObjectNode> read(Path file) {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw new IOException("it has more than " + MAX_BYTES + " bytes");
            }
            return parse(Files.readAllBytes(file), file.toString());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            report(file.toString(), String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    /**
     * The object that these bytes are; empty if they are none.
     *
     * @param place where they come from, for the log
     */
    public static Optional<ObjectNode> parse(byte[] json, String place) {
        try {
            if (JsonBody.MAPPER.readTree(json) instanceof ObjectNode object) {
                return Optional.of(object);
            }
            report(place, "it is not a JSON object");
        } catch (JsonProcessingException e) {
            report(place, e.getOriginalMessage());
        } catch (IOException e) {
            report(place, String.valueOf(e.getMessage()));
        }
        return Optional.empty();
    }

    /** Says why something is left out; once for a place, however often a client asks. */
    public static void report(String place, String why) {
        if (REPORTED.add(place)) {
            LOG.warn("{} is damaged and left out: {}", place, why);
        }
    }
}
