package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What {@code value.name} and {@code value[key]} are. */
final class Members {
    private Members() {}

    /** {@code value.name}: a method if there is one, else the entry of a dict. */
    static Object attribute(Budget budget, Object value, String name) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (value instanceof Namespace namespace) {
            return namespace.attributes().getOrDefault(name, Undefined.member(value, name));
        }
        if (value instanceof Loop loop) {
            return loop.attribute(name);
        }
        Function method = method(budget, value, name);
        if (method != null) {
            return method;
        }
        return value instanceof Map<?, ?> map && map.containsKey(name)
                ? entry(map, name)
                : Undefined.member(value, name);
    }

    private static Object entry(Map<?, ?> map, Object key) {
        Object found = map.get(key);
        return found == null ? None.NONE : found;
    }

    /** {@code value[key]}: an entry if there is one, else the attribute. */
    static Object item(Budget budget, Object value, Object key) {
        budget.step();
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (value instanceof Map<?, ?> map && isKey(key) && map.containsKey(Values.key(key))) {
            return entry(map, Values.key(key));
        }
        if (value instanceof List<?> items && !(value instanceof View) && Values.isInteger(key)) {
            long at = Values.integer(key);
            long index = at < 0 ? at + items.size() : at;
            return index >= 0 && index < items.size() ? items.get((int) index) : Undefined.member(value, key);
        }
        if (value instanceof String text && Values.isInteger(key)) {
            int length = Values.codePoints(text);
            long at = Values.integer(key);
            long index = at < 0 ? at + length : at;
            return index >= 0 && index < length
                    ? Character.toString(text.codePointAt(text.offsetByCodePoints(0, (int) index)))
                    : Undefined.member(value, key);
        }
        return key instanceof String name ? attribute(budget, value, name) : Undefined.member(value, key);
    }

    private static boolean isKey(Object key) {
        return !(key instanceof List<?> items && !(items instanceof Tuple))
                && !(key instanceof Map)
                && !(key instanceof Undefined)
                && !(key instanceof Function)
                && !(key instanceof Lazy)
                && !(key instanceof Namespace);
    }

    private static @org.jspecify.annotations.Nullable Function method(Budget budget, Object value, String name) {
        if (value instanceof String text) {
            return StringMethods.of(budget, text, name);
        }
        if (value instanceof Map<?, ?> map) {
            return switch (name) {
                case "items" -> arguments -> new View("dict_items", items(budget, map));
                case "keys" -> arguments -> new View("dict_keys", Values.list(budget, map));
                case "values" -> arguments -> new View("dict_values", Values.list(budget, map.values()));
                case "get" ->
                    arguments -> {
                        Object key = arguments.get(0, "key");
                        return isKey(key) && map.containsKey(Values.key(key))
                                ? entry(map, Values.key(key))
                                : arguments.get(1, "default", None.NONE);
                    };
                case "copy" -> arguments -> map;
                case "update", "pop", "popitem", "clear", "setdefault" -> throw unsafe(value, name);
                default -> null;
            };
        }
        if (value instanceof List<?> items) {
            return switch (name) {
                case "count" ->
                    arguments -> items.stream()
                            .filter(item -> Values.equal(budget, item, arguments.get(0, "value")))
                            .count();
                case "index" -> arguments -> index(budget, items, arguments.get(0, "value"));
                case "copy" -> arguments -> items;
                case "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse" ->
                    throw unsafe(value, name);
                default -> null;
            };
        }
        return null;
    }

    /** As in jinja2's immutable sandbox. */
    private static TemplateException unsafe(Object value, String name) {
        return new TemplateException("access to attribute '" + name + "' of '" + Values.typeName(value)
                + "' object is unsafe: templates change no values");
    }

    static List<Object> items(Budget budget, Map<?, ?> map) {
        budget.make(map.size());
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(Tuple.of(key, value)));
        return items;
    }

    private static Object index(Budget budget, List<?> items, Object wanted) {
        for (int i = 0; i < items.size(); i++) {
            if (Values.equal(budget, items.get(i), wanted)) {
                return (long) i;
            }
        }
        throw new TemplateException(Text.repr(budget, wanted) + " is not in list");
    }
}
