package io.tandem.server.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object of a request, read field by field; every complaint names the field. As at OpenAI, a field that is null
 * counts as absent.
 */
public final class JsonBody {
    private static final int DEPTH_MAX = 32;
    private static final int NAME_CHARS_MAX = 256;
    private static final int NUMBER_CHARS_MAX = 64;
    /** The size of the body is limited before it is parsed, so one string may be nearly all of it. */
    private static final int STRING_CHARS_MAX = 64 << 20;

    /** Names, values and brackets of a body; the longest batch of prompts in token ids has half as many. */
    private static final long TOKENS_MAX = 1 << 20;

    /** Reads and writes the JSON of requests and answers. */
    public static final ObjectMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    // Names come from clients: kept for ever in the JVM's table, a million of them take half a minute.
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEPTH_MAX)
                            .maxNameLength(NAME_CHARS_MAX)
                            .maxNumberLength(NUMBER_CHARS_MAX)
                            .maxStringLength(STRING_CHARS_MAX)
                            .maxTokenCount(TOKENS_MAX)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final ObjectNode node;
    private final String path;

    private JsonBody(ObjectNode node, String path) {
        this.node = node;
        this.path = path;
    }

    /** @throws ApiException if the body is not one JSON object */
    public static JsonBody parse(@Nullable Buffer body) {
        if (body == null || body.length() == 0) {
            throw malformed("The request has no body; a JSON object is expected.");
        }
        try {
            JsonNode root = MAPPER.readTree(body.getBytes());
            if (root instanceof ObjectNode object) {
                return new JsonBody(object, "");
            }
            throw malformed("The body is not a JSON object.");
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            String where = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
            throw malformed("The body is not valid JSON" + where + reason(e) + ".");
        } catch (IOException e) {
            throw malformed("The body is not valid JSON.");
        }
    }

    /** What can be said in the client's terms, behind a message; the parser speaks of its own parts. */
    public static String reason(JsonProcessingException e) {
        if (e instanceof JsonEOFException) {
            return ": it ends too early";
        }
        if (e instanceof StreamConstraintsException) {
            return ": it is nested more than " + DEPTH_MAX + " deep, has a name of more than " + NAME_CHARS_MAX
                    + " characters, a number of more than " + NUMBER_CHARS_MAX + ", or more than " + TOKENS_MAX
                    + " names, values and brackets";
        }
        return e.getOriginalMessage().startsWith("Duplicate field") ? ": an object has the same field twice" : "";
    }

    /** A whole request. */
    public static JsonBody of(ObjectNode node) {
        return new JsonBody(node, "");
    }

    /** An object inside a request; its fields are called {@code path.field} in complaints. */
    public static JsonBody inside(ObjectNode node, String path) {
        return new JsonBody(node, path + ".");
    }

    /** Other fields that are called as this object's are. */
    public JsonBody with(ObjectNode fields) {
        return new JsonBody(fields, path);
    }

    /** An element of a field that is an array, which must be an object. */
    public JsonBody element(String field, JsonNode array, int index) {
        String place = field + "[" + index + "]";
        if (!(array.get(index) instanceof ObjectNode object)) {
            throw invalid(place, "must be an object.");
        }
        return inside(object, path(place));
    }

    private static ApiException malformed(String message) {
        return new ApiException(400, "invalid_request_error", null, "invalid_json", message);
    }

    public ObjectNode node() {
        return node;
    }

    /** The field's value, or null if it is absent or null. */
    public @Nullable JsonNode find(String field) {
        JsonNode value = node.get(field);
        return value == null || value.isNull() ? null : value;
    }

    /** The whole name of a field, as complaints call it. */
    String path(String field) {
        return path + field;
    }

    /** A complaint about a field, ready to be thrown. */
    public ApiException invalid(String field, String message) {
        return ApiException.invalid(path + field, "'" + path + field + "' " + message);
    }

    private ApiException unsupported(String field, String message) {
        return ApiException.unsupported(path + field, "'" + path + field + "' " + message);
    }

    /** A string of any length. */
    Optional<String> optionalString(String field) {
        return optionalString(field, Integer.MAX_VALUE);
    }

    public Optional<String> optionalString(String field, int charsMax) {
        JsonNode value = find(field);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isTextual()) {
            throw invalid(field, "must be a string.");
        }
        if (value.textValue().length() > charsMax) {
            throw invalid(field, "must have at most " + charsMax + " characters.");
        }
        return Optional.of(value.textValue());
    }

    /** A string that must be there and must not be empty. */
    public String requiredString(String field, int charsMax) {
        String value = optionalString(field, charsMax).orElseThrow(() -> invalid(field, "is required."));
        if (value.isEmpty()) {
            throw invalid(field, "must not be empty.");
        }
        return value;
    }

    /** An integer of any size. */
    OptionalInt optionalInt(String field) {
        return optionalInt(field, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    public OptionalInt optionalInt(String field, int min, int max) {
        OptionalLong value = optionalLong(field, min, max);
        return value.isPresent() ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
    }

    /** @param setting that gives the largest value, for complaints */
    public OptionalInt optionalInt(String field, int min, int max, String setting) {
        OptionalLong value = optionalLong(field, min, max, " (" + setting + ")");
        return value.isPresent() ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
    }

    /** An integer of any size. */
    OptionalLong optionalLong(String field) {
        return optionalLong(field, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    public OptionalLong optionalLong(String field, long min, long max) {
        return optionalLong(field, min, max, "");
    }

    private OptionalLong optionalLong(String field, long min, long max, String source) {
        JsonNode value = find(field);
        if (value == null) {
            return OptionalLong.empty();
        }
        if (!value.isIntegralNumber()) {
            throw invalid(field, "must be an integer.");
        }
        if (!value.canConvertToLong() || value.longValue() < min || value.longValue() > max) {
            throw invalid(field, "must be from " + min + " to " + max + source + ".");
        }
        return OptionalLong.of(value.longValue());
    }

    /** A finite number. */
    OptionalDouble optionalNumber(String field) {
        return optionalNumber(field, -Double.MAX_VALUE, Double.MAX_VALUE);
    }

    public OptionalDouble optionalNumber(String field, double min, double max) {
        JsonNode value = find(field);
        if (value == null) {
            return OptionalDouble.empty();
        }
        if (!value.isNumber()) {
            throw invalid(field, "must be a number.");
        }
        if (!(value.doubleValue() >= min && value.doubleValue() <= max)) {
            throw invalid(field, "must be from " + min + " to " + max + ".");
        }
        return OptionalDouble.of(value.doubleValue());
    }

    public boolean optionalBoolean(String field, boolean absent) {
        JsonNode value = find(field);
        if (value == null) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw invalid(field, "must be true or false.");
        }
        return value.booleanValue();
    }

    public Optional<JsonBody> optionalObject(String field) {
        JsonNode value = find(field);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof ObjectNode object) {
            return Optional.of(inside(object, path + field));
        }
        throw invalid(field, "must be an object.");
    }

    /** An array of token ids; empty if there is none. */
    public int[] tokenIds(String field, int most, int vocab) {
        JsonNode value = find(field);
        if (value == null) {
            return new int[0];
        }
        if (!value.isArray() || value.size() > most) {
            throw invalid(field, "must be an array of at most " + most + " token ids.");
        }
        return tokenIds(field, value, vocab);
    }

    /**
     * Token ids of a model's vocabulary.
     *
     * @param field that has the array, for complaints
     */
    int[] tokenIds(String field, JsonNode array, int vocab) {
        int[] ids = new int[array.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = array.get(i);
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocab) {
                throw invalid(
                        field, "has something else than a token id from 0 to " + (vocab - 1) + " at position " + i);
            }
            ids[i] = id.intValue();
        }
        return ids;
    }

    /** Refuses a field that would change the answer in a way that is not supported, unless its value changes nothing. */
    public void refuseUnless(String field, Predicate<JsonNode> changesNothing) {
        refuseUnless(field, changesNothing, "leave it out");
    }

    /** @param advice to the client */
    void refuseUnless(String field, Predicate<JsonNode> changesNothing, String advice) {
        JsonNode value = find(field);
        if (value != null && !changesNothing.test(value)) {
            throw unsupported(field, "is not supported by this server with this value; " + advice + ".");
        }
    }

    /** Refuses fields that nothing reads: a misspelt one would be ignored otherwise. */
    public void rejectUnknown(Set<String> known) {
        for (Iterator<String> names = node.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!known.contains(name)) {
                throw unsupported(name, "is not a known field of this request.");
            }
        }
    }

    /** Fields that nothing reads, with their paths. */
    List<String> unknown(Set<String> known) {
        List<String> unknown = new ArrayList<>();
        node.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                unknown.add(path + name);
            }
        });
        return unknown;
    }
}
