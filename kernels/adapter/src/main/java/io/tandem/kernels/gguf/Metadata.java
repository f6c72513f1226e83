package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.ModelFormatException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Typed access to what a file says beside its tensors. Every refusal names the file, the key, what was found and what was
 * expected.
 *
 * @param values {@link Long}, {@link Double}, {@link Boolean}, {@link String}, or a list of one of these
 */
record Metadata(Path file, Map<String, Object> values) {
    boolean has(String key) {
        return values.containsKey(key);
    }

    Optional<String> text(String key) {
        Object value = values.get(key);
        if (value != null && !(value instanceof String)) {
            throw refuse(key, "a string");
        }
        return Optional.ofNullable((String) value);
    }

    /** A count or an id, if it is there. */
    OptionalInt integer(String key) {
        Object value = values.get(key);
        if (value == null) {
            return OptionalInt.empty();
        }
        if (!(value instanceof Long whole) || whole < 0 || whole > Integer.MAX_VALUE) {
            throw refuse(key, "an integer of 0 to " + Integer.MAX_VALUE);
        }
        return OptionalInt.of(whole.intValue());
    }

    OptionalDouble number(String key) {
        Object value = values.get(key);
        if (value == null) {
            return OptionalDouble.empty();
        }
        if (!(value instanceof Number number) || !Double.isFinite(number.doubleValue())) {
            throw refuse(key, "a number");
        }
        return OptionalDouble.of(number.doubleValue());
    }

    boolean bool(String key, boolean fallback) {
        Object value = values.getOrDefault(key, fallback);
        if (!(value instanceof Boolean bool)) {
            throw refuse(key, "true or false");
        }
        return bool;
    }

    /** A list, all of whose elements are of a type; empty if it is not there. */
    <T> List<T> list(String key, Class<T> type, String expected) {
        Object value = values.getOrDefault(key, List.of());
        if (!(value instanceof List<?> list) || !list.stream().allMatch(type::isInstance)) {
            throw refuse(key, expected);
        }
        return list.stream().map(type::cast).toList();
    }

    ModelFormatException refuse(String key, String expected) {
        Object value = values.getOrDefault(key, "absent");
        return ModelFormatException.at(file, key, value instanceof List<?> ? "a list" : value, expected);
    }
}
