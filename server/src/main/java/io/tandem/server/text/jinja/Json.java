package io.tandem.server.text.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The filter {@code tojson} as transformers defines it: Python's {@code json.dumps} with {@code ensure_ascii=False}. */
final class Json {
    private final Budget budget;
    private final String indent;
    private final boolean indented;
    private final String itemSeparator;
    private final String keySeparator;
    private final boolean asciiOnly;
    private final boolean sortKeys;
    private final StringBuilder out = new StringBuilder();

    private Json(Budget budget, Arguments options) {
        this.budget = budget;
        Object wanted = options.get(2, "indent", None.NONE);
        this.indent = wanted == None.NONE
                ? ""
                : wanted instanceof String text ? text : " ".repeat(Budget.width(options.integer(2, "indent", 0)));
        Object separators = options.get(3, "separators", None.NONE);
        if (separators instanceof List<?> pair && pair.size() == 2) {
            this.itemSeparator = Text.of(budget, pair.get(0));
            this.keySeparator = Text.of(budget, pair.get(1));
        } else {
            this.itemSeparator = wanted == None.NONE ? ", " : ",";
            this.keySeparator = ": ";
        }
        this.indented = wanted != None.NONE;
        this.asciiOnly = options.flag(1, "ensure_ascii", false);
        this.sortKeys = options.flag(4, "sort_keys", false);
    }

    /** @param arguments the value, then the options of the filter */
    static String of(Budget budget, Arguments arguments) {
        Json json = new Json(budget, arguments);
        json.add(arguments.get(0, "value"), 0);
        return json.out.toString();
    }

    private void add(String part) {
        budget.make(part.length());
        out.append(part);
    }

    private void add(Object value, int depth) {
        budget.step();
        Values.requireDepth(depth);
        if (value instanceof String text) {
            add(quoted(text));
        } else if (value instanceof Boolean flag) {
            add(flag ? "true" : "false");
        } else if (value instanceof Long) {
            add(value.toString());
        } else if (value instanceof Double number) {
            add(
                    number.isNaN()
                            ? "NaN"
                            : number.isInfinite() ? (number > 0 ? "Infinity" : "-Infinity") : Text.number(number));
        } else if (value == None.NONE) {
            add("null");
        } else if (value instanceof List<?> items && !(value instanceof Range) && !(value instanceof View)) {
            addAll("[", "]", items.iterator(), depth);
        } else if (value instanceof Map<?, ?> map) {
            addAll("{", "}", entries(map).entrySet().iterator(), depth);
        } else if (value instanceof Undefined) {
            throw new TemplateException("Object of type Undefined is not JSON serializable");
        } else {
            throw new TemplateException("Object of type " + Values.typeName(value) + " is not JSON serializable");
        }
    }

    private Map<?, ?> entries(Map<?, ?> map) {
        if (!sortKeys) {
            return map;
        }
        Map<Object, Object> sorted = new TreeMap<>((a, b) -> Values.compare(budget, a, b, "<"));
        sorted.putAll(map);
        return sorted;
    }

    private void addAll(String open, String close, Iterator<?> items, int depth) {
        add(open);
        boolean any = items.hasNext();
        String separator = "";
        while (items.hasNext()) {
            add(separator);
            newLine(depth + 1);
            Object item = items.next();
            if (item instanceof Map.Entry<?, ?> entry) {
                Object key = entry.getKey();
                add(quoted(key(key)));
                add(keySeparator);
                add(entry.getValue(), depth + 1);
            } else {
                add(item, depth + 1);
            }
            separator = itemSeparator;
        }
        if (any) {
            newLine(depth);
        }
        add(close);
    }

    private String key(Object key) {
        if (key instanceof Tuple) {
            throw new TemplateException("keys must be str, int, float, bool or None, not tuple");
        }
        return key == None.NONE ? "null" : Text.of(budget, key);
    }

    private void newLine(int depth) {
        if (indented) {
            add("\n");
            for (int i = 0; i < depth; i++) {
                add(indent);
            }
        }
    }

    private String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\f' -> quoted.append("\\f");
                case '\b' -> quoted.append("\\b");
                default -> {
                    if (c < ' ' || (asciiOnly && c > '~')) {
                        quoted.append("\\u%04x".formatted((int) c));
                    } else {
                        quoted.append(c);
                    }
                }
            }
        }
        return quoted.append('"').toString();
    }
}
