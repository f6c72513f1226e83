package io.tandem.server.text.jinja;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Filters of numbers. */
final class NumberFilters {
    private NumberFilters() {}

    static Map<String, Filter> all() {
        Map<String, Filter> all = new LinkedHashMap<>();
        Filter.put(all, (budget, arguments) -> absolute(arguments.value()), "abs");
        Filter.put(all, (budget, arguments) -> toInteger(arguments.value(), arguments), "int");
        Filter.put(all, (budget, arguments) -> toReal(arguments.value(), arguments), "float");
        Filter.put(all, NumberFilters::round, "round");
        return all;
    }

    private static Object absolute(Object value) {
        if (value instanceof Double number) {
            return Math.abs(number);
        }
        if (Values.isInteger(value)) {
            return Math.abs(Values.integer(value));
        }
        throw new TemplateException("bad operand type for abs(): '" + Values.typeName(value) + "'");
    }

    private static Object toInteger(Object value, Arguments arguments) {
        if (Values.isNumber(value)) {
            return Values.isInteger(value) ? (Object) Values.integer(value) : (Object) (long) Values.real(value);
        }
        if (value instanceof String text) {
            String digits = text.strip().replace("_", "");
            long base = arguments.integer(2, "base", 10);
            boolean prefixed = base == 0 || digits.toLowerCase(Locale.ROOT).startsWith("0x");
            try {
                return prefixed && base != 10 ? Long.decode(digits) : Long.parseLong(digits, (int) base);
            } catch (NumberFormatException e) {
                try {
                    return (long) Double.parseDouble(digits);
                } catch (NumberFormatException none) {
                    return arguments.get(1, "default", 0L);
                }
            }
        }
        requireDefined(value);
        return arguments.get(1, "default", 0L);
    }

    private static void requireDefined(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
    }

    private static Object toReal(Object value, Arguments arguments) {
        requireDefined(value);
        if (Values.isNumber(value)) {
            return Values.real(value);
        }
        try {
            return value instanceof String text
                    ? (Object) Double.parseDouble(text.strip().replace("_", ""))
                    : arguments.get(1, "default", 0.0);
        } catch (NumberFormatException e) {
            return arguments.get(1, "default", 0.0);
        }
    }

    private static Object round(Budget budget, Arguments arguments) {
        Object value = arguments.value();
        if (!Values.isNumber(value)) {
            throw new TemplateException("round() needs a number, not " + Values.typeName(value));
        }
        int precision = (int) Math.max(-300, Math.min(300, arguments.integer(1, "precision", 0)));
        java.math.RoundingMode mode = switch (arguments.text(2, "method", "common")) {
            case "ceil" -> java.math.RoundingMode.CEILING;
            case "floor" -> java.math.RoundingMode.FLOOR;
            default -> java.math.RoundingMode.HALF_EVEN;
        };
        double number = Values.real(value);
        if (!Double.isFinite(number)) {
            return number;
        }
        double rounded =
                new java.math.BigDecimal(number).setScale(precision, mode).doubleValue();
        return Values.isInteger(value) && mode == java.math.RoundingMode.HALF_EVEN ? (Object) (long) rounded : rounded;
    }
}
