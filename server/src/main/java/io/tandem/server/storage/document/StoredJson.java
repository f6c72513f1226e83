package io.tandem.server.storage.document;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stored JSON objects. A damaged one is left where it is, reported once in the log, and otherwise treated as if it were
 * missing, so that it hides nothing but itself.
 */
public final class StoredJson {
    private static final Logger LOG = LoggerFactory.getLogger(StoredJson.class);
    private static final Set<String> REPORTED = ConcurrentHashMap.newKeySet();

    private StoredJson() {}

    /**
     * The object that a text is; empty if it is none.
     *
     * @param place where it comes from, for the log
     */
    public static Optional<ObjectNode> parse(String json, String place) {
        try {
            if (JsonBody.MAPPER.readTree(json) instanceof ObjectNode object) {
                return Optional.of(object);
            }
            report(place, "it is not a JSON object");
        } catch (JsonProcessingException e) {
            report(place, e.getOriginalMessage());
        }
        return Optional.empty();
    }

    /** Reports why something is left out; once for each place, however often a client asks. */
    public static void report(String place, String why) {
        if (REPORTED.add(place)) {
            LOG.warn("{} is damaged and left out: {}", place, why);
        }
    }
}
