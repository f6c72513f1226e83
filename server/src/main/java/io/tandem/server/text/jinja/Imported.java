package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Values of Java as values of a template. */
final class Imported {
    private Imported() {}

    /** @throws IllegalArgumentException for anything but texts, flags, numbers, lists, maps and null */
    static Object value(@Nullable Object value) {
        if (value == null) {
            return None.NONE;
        } else if (value instanceof String
                || value instanceof Boolean
                || value instanceof Long
                || value instanceof Double) {
            return value;
        } else if (value instanceof Integer number) {
            return number.longValue();
        } else if (value instanceof List<?> items) {
            List<Object> copy = new ArrayList<>();
            items.forEach(item -> copy.add(value(item)));
            return copy;
        } else if (value instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, item) -> copy.put(String.valueOf(key), value(item)));
            return copy;
        }
        throw new IllegalArgumentException("a template knows nothing of " + value.getClass());
    }
}
