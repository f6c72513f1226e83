package io.tandem.server.batch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;

/**
 * A line of a batch's input: a request.
 *
 * @param line from 1
 * @param customId by which the client finds its answer
 * @param body of the request
 * @param bytes of the line
 */
record BatchRow(int line, String customId, ObjectNode body, int bytes) {
    private static final int ID_CHARS_MAX = 512;

    /**
     * Reads a line.
     *
     * @param endpoint of the batch
     * @throws LineError if it is not a request to that endpoint
     */
    static BatchRow parse(String text, int line, String endpoint) {
        ObjectNode request = object(text, line);
        String customId = text(request, "custom_id", line);
        if (customId.length() > ID_CHARS_MAX) {
            throw new LineError(
                    "invalid_custom_id",
                    "custom_id",
                    line,
                    "'custom_id' must have at most " + ID_CHARS_MAX + " characters.");
        }
        if (!text(request, "method", line).equals("POST")) {
            throw new LineError("invalid_method", "method", line, "'method' must be 'POST'.");
        }
        if (!text(request, "url", line).equals(endpoint)) {
            throw new LineError("invalid_url", "url", line, "'url' must be the batch's endpoint, '" + endpoint + "'.");
        }
        if (!(request.get("body") instanceof ObjectNode body)) {
            throw missing("body", "an object", line);
        }
        return new BatchRow(line, customId, body, text.length());
    }

    /** What the request asks for at once: so many answers to each of so many texts. At least one, whatever is wrong with it. */
    long answers() {
        long each = Math.max(body.path("n").asInt(1), body.path("best_of").asInt(1));
        return Math.max(1, each) * Math.max(texts(body.path("prompt")), texts(body.path("input")));
    }

    /** A text, its tokens, or an array of such; a conversation counts as one. */
    private static int texts(JsonNode given) {
        JsonNode first = given.path(0);
        return first.isTextual() || first.isArray() ? given.size() : 1;
    }

    private static ObjectNode object(String text, int line) {
        String reason = "";
        try {
            if (JsonBody.MAPPER.readTree(text) instanceof ObjectNode object) {
                return object;
            }
        } catch (JsonProcessingException e) {
            reason = JsonBody.reason(e);
        }
        throw new LineError("invalid_json_line", null, line, "The line is not a JSON object" + reason + ".");
    }

    private static String text(ObjectNode request, String field, int line) {
        JsonNode value = request.path(field);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw missing(field, "a string", line);
        }
        return value.textValue();
    }

    private static LineError missing(String field, String expected, int line) {
        return new LineError(
                "missing_required_parameter", field, line, "'" + field + "' must be " + expected + ", and not empty.");
    }
}
