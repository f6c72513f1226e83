package io.tandem.server.text.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Values as text: Python's {@code str} and {@code repr}. */
final class Text {
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();
    /** Namespaces that are being written: the one kind of value that can be inside itself. */
    private final List<Namespace> open = new ArrayList<>();

    private Text(Budget budget) {
        this.budget = budget;
    }

    /** What a template prints. */
    static String of(Budget budget, Object value) {
        return value instanceof String text ? text : repr(budget, value);
    }

    static String repr(Budget budget, Object value) {
        Text text = new Text(budget);
        text.add(value, 0);
        return text.out.toString();
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
            add(flag ? "True" : "False");
        } else if (value instanceof Long || value instanceof Range) {
            add(value.toString());
        } else if (value instanceof Double number) {
            add(number(number));
        } else if (value == None.NONE) {
            add("None");
        } else if (value instanceof Undefined) {
            add(depth == 0 ? "" : "Undefined");
        } else if (value instanceof Namespace namespace) {
            add(namespace, depth);
        } else if (value instanceof List<?> items) {
            add(items, depth);
        } else if (value instanceof Map<?, ?> map) {
            add(map, depth);
        } else {
            add("<" + Values.typeName(value) + ">");
        }
    }

    private void add(List<?> items, int depth) {
        boolean tuple = items instanceof Tuple;
        add(items instanceof View view ? view.type() + "([" : tuple ? "(" : "[");
        for (int i = 0; i < items.size(); i++) {
            add(i == 0 ? "" : ", ");
            add(items.get(i), depth + 1);
        }
        add(items instanceof View ? "])" : tuple ? (items.size() == 1 ? ",)" : ")") : "]");
    }

    private void add(Namespace namespace, int depth) {
        if (open.contains(namespace)) {
            add("<Namespace {...}>");
            return;
        }
        open.add(namespace);
        add("<Namespace ");
        add(namespace.attributes(), depth + 1);
        add(">");
        open.remove(namespace);
    }

    private void add(Map<?, ?> map, int depth) {
        add("{");
        String separator = "";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            add(separator);
            add(entry.getKey(), depth + 1);
            add(": ");
            add(entry.getValue(), depth + 1);
            separator = ", ";
        }
        add("}");
    }

    /** Single quotes, unless only those occur inside. */
    private static String quoted(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder quoted = new StringBuilder().append(quote);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\\' -> quoted.append("\\\\");
                default -> {
                    if (c == quote) {
                        quoted.append('\\').append(quote);
                    } else if (c < ' ' || c == 0x7f || c == 0xa0 || c == 0xad) {
                        quoted.append("\\x%02x".formatted(c));
                    } else if (isPrintable(c)) {
                        quoted.appendCodePoint(c);
                    } else {
                        quoted.append((c > 0xffff ? "\\U%08x" : c > 0xff ? "\\u%04x" : "\\x%02x").formatted(c));
                    }
                }
            }
        });
        return quoted.append(quote).toString();
    }

    private static boolean isPrintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            case Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }

    /** As Python prints it: the shortest digits, an exponent only from 1e16 on and below 1e-4. */
    static String number(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal shortest = shortest(value);
        int exponent = shortest.precision() - shortest.scale() - 1;
        if (exponent >= 16 || exponent < -4) {
            String digits = shortest.unscaledValue().abs().toString();
            String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
            return (value < 0 ? "-" : "") + mantissa + "e" + (exponent < 0 ? "-" : "+")
                    + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
        }
        String plain = shortest.toPlainString();
        return plain.contains(".") ? plain : plain + ".0";
    }

    /** The fewest digits that are read as this value; up to Java 18, Double.toString may give more. */
    private static BigDecimal shortest(double value) {
        BigDecimal exact = new BigDecimal(value);
        BigDecimal known = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        for (int digits = Math.max(1, known.precision() - 2); digits <= known.precision(); digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (rounded.doubleValue() == value) {
                return rounded.stripTrailingZeros();
            }
        }
        return known;
    }
}
