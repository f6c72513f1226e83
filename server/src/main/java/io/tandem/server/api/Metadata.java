package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** OpenAI's {@code metadata}: texts that a client attaches to what it creates. */
public final class Metadata {
    private static final int PAIRS_MAX = 16;
    private static final int KEY_CHARS_MAX = 64;
    private static final int VALUE_CHARS_MAX = 512;

    private Metadata() {}

    /** @throws ApiException if there are too many, or one is too long or no text */
    public static Optional<ObjectNode> read(JsonBody body) {
        Optional<ObjectNode> metadata = body.optionalObject("metadata").map(JsonBody::node);
        if (metadata.isPresent() && !fits(metadata.get().properties())) {
            throw body.invalid(
                    "metadata",
                    "must have at most " + PAIRS_MAX + " pairs, keys of at most " + KEY_CHARS_MAX
                            + " characters, and texts of at most " + VALUE_CHARS_MAX + " characters as values.");
        }
        if (metadata.isPresent() && !isText(metadata.get().properties())) {
            throw body.invalid("metadata", "has half a surrogate pair, which is no character.");
        }
        return metadata;
    }

    /** Whether all of it can be stored as UTF-8. */
    private static boolean isText(Set<Map.Entry<String, JsonNode>> pairs) {
        return pairs.stream()
                .allMatch(pair -> Utf8.canEncode(pair.getKey())
                        && Utf8.canEncode(pair.getValue().textValue()));
    }

    private static boolean fits(Set<Map.Entry<String, JsonNode>> pairs) {
        return pairs.size() <= PAIRS_MAX
                && pairs.stream()
                        .allMatch(pair -> pair.getKey().length() <= KEY_CHARS_MAX
                                && pair.getValue().isTextual()
                                && pair.getValue().textValue().length() <= VALUE_CHARS_MAX);
    }
}
