package io.tandem.kernels.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Typed access to the keys of a JSON object in a file. A key that is absent and a key that is {@code null} are told
 * apart only by {@link #has}. Every refusal is a {@link ModelFormatException} that names the file, the key, what was
 * found and what was expected.
 */
public final class JsonFields {
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxNumberLength(64)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path file;
    private final String prefix;
    private final ObjectNode node;

    private JsonFields(Path file, String prefix, ObjectNode node) {
        this.file = file;
        this.prefix = prefix;
        this.node = node;
    }

    /**
     * Reads a file whole.
     *
     * @param maxBytes larger files are refused unread
     * @throws ModelFormatException if the file is missing, too large, or not one JSON object with unique keys
     */
    public static JsonFields read(Path file, int maxBytes) {
        return parse(file, BoundedFile.read(file, maxBytes));
    }

    /**
     * Reads a text that is a part of a file.
     *
     * @param file named in refusals
     * @throws ModelFormatException if the text is not one JSON object with unique keys
     */
    public static JsonFields parse(Path file, byte[] bytes) {
        JsonNode tree;
        try {
            tree = MAPPER.readTree(bytes);
        } catch (IOException e) {
            throw ModelFormatException.in(file, "not valid JSON", e);
        }
        if (!(tree instanceof ObjectNode object)) {
            throw ModelFormatException.in(file, "not a JSON object");
        }
        return new JsonFields(file, "", object);
    }

    public Path file() {
        return file;
    }

    /** Whether the key is there, be it with a {@code null}. */
    public boolean has(String key) {
        return node.has(key);
    }

    /** The value, unless it is absent or {@code null}. */
    public Optional<JsonNode> value(String key) {
        return Optional.ofNullable(node.get(key)).filter(value -> value.getNodeType() != JsonNodeType.NULL);
    }

    /** Keys in the order of the file. */
    public Iterable<String> keys() {
        return node::fieldNames;
    }

    /** A whole number within the limits; it must be there. */
    public int integer(String key, int min, int max) {
        JsonNode value = value(key).orElseThrow(() -> refuse(key, "an integer of " + min + " to " + max));
        // 2.0 is what some exporters write for 2.
        boolean whole = value.isNumber() && value.doubleValue() == Math.rint(value.doubleValue());
        if (!whole || value.doubleValue() < min || value.doubleValue() > max) {
            throw refuse(key, "an integer of " + min + " to " + max);
        }
        return (int) value.doubleValue();
    }

    /** A whole number within the limits, or the fallback if the key is absent or {@code null}. */
    public int integer(String key, int min, int max, int fallback) {
        return value(key).isEmpty() ? fallback : integer(key, min, max);
    }

    /** A finite number within the limits; it must be there. */
    public double number(String key, double min, double max) {
        JsonNode value = value(key).orElseThrow(() -> refuse(key, "a number of " + min + " to " + max));
        if (!value.isNumber() || !(value.doubleValue() >= min && value.doubleValue() <= max)) {
            throw refuse(key, "a number of " + min + " to " + max);
        }
        return value.doubleValue();
    }

    /** A finite number within the limits, or the fallback if the key is absent or {@code null}. */
    public double number(String key, double min, double max, double fallback) {
        return value(key).isEmpty() ? fallback : number(key, min, max);
    }

    /** True or false, or the fallback if the key is absent or {@code null}. */
    public boolean bool(String key, boolean fallback) {
        JsonNode value = value(key).orElse(null);
        if (value == null) {
            return fallback;
        }
        if (!value.isBoolean()) {
            throw refuse(key, "true or false");
        }
        return value.booleanValue();
    }

    /** A string, if the key is there and not {@code null}. */
    public Optional<String> text(String key) {
        JsonNode value = value(key).orElse(null);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isTextual()) {
            throw refuse(key, "a string");
        }
        return Optional.of(value.textValue());
    }

    /** A nested object, if the key is there and not {@code null}. */
    public Optional<JsonFields> object(String key) {
        JsonNode value = value(key).orElse(null);
        if (value == null) {
            return Optional.empty();
        }
        if (!(value instanceof ObjectNode object)) {
            throw refuse(key, "an object");
        }
        return Optional.of(new JsonFields(file, prefix + key + ".", object));
    }

    /** The refusal of what stands at the key. */
    public ModelFormatException refuse(String key, String expected) {
        return ModelFormatException.at(file, prefix + key, has(key) ? node.get(key) : "absent", expected);
    }
}
