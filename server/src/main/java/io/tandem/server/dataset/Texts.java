package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.Utf8;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/** Values of a line's keys. */
final class Texts {
    private Texts() {}

    /** Keys with a value; null means absent, as exporters write it. */
    static Set<String> keys(JsonNode object) {
        Set<String> keys = new LinkedHashSet<>();
        object.properties().forEach(entry -> {
            if (!entry.getValue().isNull()) {
                keys.add(entry.getKey());
            }
        });
        return keys;
    }

    /** A text that is not empty. */
    static String required(JsonNode object, String key, String where) {
        JsonNode value = object.path(key);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw new RejectedLine(where + key + (value.isTextual() ? " is empty" : " is missing or not a text"));
        }
        return checked(value.textValue(), where + key);
    }

    /** A text, empty if it is absent. */
    static String optional(JsonNode object, String key, String where) {
        JsonNode value = object.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return "";
        }
        if (!value.isTextual()) {
            throw new RejectedLine(where + key + " is not a text");
        }
        return checked(value.textValue(), where + key);
    }

    private static String checked(String text, String where) {
        if (!Utf8.canEncode(text)) {
            throw new RejectedLine(where + " has half a surrogate pair, which is no character");
        }
        return text;
    }

    static Optional<String> tag(JsonNode example, String key) {
        JsonNode value = example.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return Optional.empty();
        }
        if (!value.isTextual() || !Tags.allowed(value.textValue())) {
            throw new RejectedLine(key + " is not " + Tags.ALLOWED);
        }
        return Optional.of(value.textValue());
    }
}
