package io.tandem.server.text.jinja;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of a call.
 *
 * @param callee for error messages
 * @param positional in their order
 * @param named by keyword
 */
record Arguments(String callee, List<Object> positional, Map<String, Object> named) {
    static Arguments of(String callee, Object... positional) {
        return new Arguments(callee, List.of(positional), Map.of());
    }

    /** What a filter or a test is applied to. */
    Object value() {
        return positional.get(0);
    }

    int count() {
        return positional.size() + named.size();
    }

    @Nullable
    Object find(int position, String name) {
        return position < positional.size() ? positional.get(position) : named.get(name);
    }

    Object get(int position, String name) {
        Object found = find(position, name);
        if (found == null) {
            throw new TemplateException(callee + "() misses its argument '" + name + "'");
        }
        return found;
    }

    Object get(int position, String name, Object absent) {
        Object found = find(position, name);
        return found == null ? absent : found;
    }

    String text(int position, String name) {
        return text(get(position, name), name);
    }

    String text(int position, String name, String absent) {
        return text(get(position, name, absent), name);
    }

    private String text(Object value, String name) {
        if (value instanceof String text) {
            return text;
        }
        throw new TemplateException(callee + "(): '" + name + "' must be a string, not " + Values.typeName(value));
    }

    long integer(int position, String name, long absent) {
        Object value = get(position, name, absent);
        if (value == None.NONE) {
            return absent;
        }
        if (value instanceof Boolean flag) {
            return flag ? 1 : 0;
        }
        if (value instanceof Long number) {
            return number;
        }
        throw new TemplateException(callee + "(): '" + name + "' must be an integer, not " + Values.typeName(value));
    }

    boolean flag(int position, String name, boolean absent) {
        return Values.isTrue(get(position, name, absent));
    }

    /** The same without the first positional one. */
    Arguments rest(int from) {
        return new Arguments(callee, positional.subList(Math.min(from, positional.size()), positional.size()), named);
    }

    /** @throws TemplateException if there are more, or others */
    Arguments expect(int most, Set<String> names) {
        if (positional.size() > most || !names.containsAll(named.keySet())) {
            throw new TemplateException(callee + "() has an argument that it does not take");
        }
        return this;
    }
}
