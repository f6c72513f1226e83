package io.tandem.server.text.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** jinja2's tests, which follow {@code is}. */
final class Tests {
    private static final Set<String> NAMES = Set.of(
            "defined",
            "undefined",
            "none",
            "true",
            "false",
            "boolean",
            "integer",
            "float",
            "number",
            "string",
            "mapping",
            "sequence",
            "iterable",
            "callable",
            "odd",
            "even",
            "divisibleby",
            "lower",
            "upper",
            "eq",
            "equalto",
            "==",
            "ne",
            "!=",
            "lt",
            "lessthan",
            "<",
            "le",
            "<=",
            "gt",
            "greaterthan",
            ">",
            "ge",
            ">=",
            "in",
            "sameas",
            "filter",
            "test",
            "escaped");

    private Tests() {}

    static boolean exists(String name) {
        return NAMES.contains(name);
    }

    /** @param arguments the value, then the test's own */
    static boolean holds(Budget budget, String name, Arguments arguments) {
        budget.step();
        Object value = arguments.value();
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == None.NONE;
            case "true" -> value.equals(true);
            case "false" -> value.equals(false);
            case "boolean" -> value instanceof Boolean;
            case "integer" -> value instanceof Long;
            case "float" -> value instanceof Double;
            case "number" -> Values.isNumber(value);
            case "string" -> value instanceof String;
            case "mapping" -> value instanceof Map;
            case "sequence" ->
                value instanceof List || value instanceof String || value instanceof Map || value instanceof Undefined;
            case "iterable" ->
                value instanceof List
                        || value instanceof String
                        || value instanceof Map
                        || value instanceof Lazy
                        || value instanceof Undefined;
            case "callable" -> value instanceof Function || value instanceof Undefined;
            case "odd" -> Values.equal(budget, modulo(budget, value, 2L), 1L);
            case "even" -> Values.equal(budget, modulo(budget, value, 2L), 0L);
            case "divisibleby" -> Values.equal(budget, modulo(budget, value, arguments.get(1, "num")), 0L);
            case "lower" -> isCase(Text.of(budget, value), false);
            case "upper" -> isCase(Text.of(budget, value), true);
            case "eq", "equalto", "==" -> Values.equal(budget, value, arguments.get(1, "other"));
            case "ne", "!=" -> !Values.equal(budget, value, arguments.get(1, "other"));
            case "lt", "lessthan", "<" -> Values.compare(budget, value, arguments.get(1, "other"), "<") < 0;
            case "le", "<=" -> Values.compare(budget, value, arguments.get(1, "other"), "<=") <= 0;
            case "gt", "greaterthan", ">" -> Values.compare(budget, value, arguments.get(1, "other"), ">") > 0;
            case "ge", ">=" -> Values.compare(budget, value, arguments.get(1, "other"), ">=") >= 0;
            case "in" -> Values.contains(budget, arguments.get(1, "seq"), value);
            case "sameas" -> same(value, arguments.get(1, "other"));
            case "filter" -> value instanceof String filter && Filters.exists(filter);
            case "test" -> value instanceof String test && exists(test);
            case "escaped" -> false;
            default -> throw new TemplateException("No test named '" + name + "'.");
        };
    }

    private static Object modulo(Budget budget, Object value, Object by) {
        return Operators.apply(budget, "%", value, by);
    }

    private static boolean isCase(String text, boolean upper) {
        boolean cased = text.codePoints().anyMatch(c -> Character.isUpperCase(c) || Character.isLowerCase(c));
        return cased && text.equals(upper ? text.toUpperCase(Locale.ROOT) : text.toLowerCase(Locale.ROOT));
    }

    /** Small integers, None and flags are the same object in Python wherever they come from. */
    private static boolean same(Object value, Object other) {
        return value == other
                || (value.getClass() == other.getClass()
                        && !(value instanceof List)
                        && !(value instanceof Map)
                        && value.equals(other));
    }
}
