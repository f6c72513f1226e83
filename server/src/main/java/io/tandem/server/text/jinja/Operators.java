package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.List;

/** Python's arithmetic. */
final class Operators {
    private Operators() {}

    static Object apply(Budget budget, String operator, Object left, Object right) {
        budget.step();
        try {
            return switch (operator) {
                case "+" -> add(budget, left, right);
                case "-" -> arithmetic("-", left, right);
                case "*" -> multiply(budget, left, right);
                case "/" -> divide(left, right);
                case "//" -> floorDivide(left, right);
                case "%" ->
                    left instanceof String format ? Formatting.percent(budget, format, right) : modulo(left, right);
                case "**" -> power(left, right);
                default -> throw new IllegalArgumentException(operator);
            };
        } catch (ArithmeticException e) {
            throw new TemplateException("the result of " + operator + " is too large");
        }
    }

    private static Object add(Budget budget, Object left, Object right) {
        if (left instanceof String some && right instanceof String other) {
            budget.make((long) some.length() + other.length());
            return some + other;
        }
        if (left instanceof List<?> some
                && right instanceof List<?> others
                && Values.typeName(left).equals(Values.typeName(right))) {
            budget.make((long) some.size() + others.size());
            List<Object> joined = new ArrayList<>(some);
            joined.addAll(others);
            return left instanceof Tuple ? new Tuple(joined) : joined;
        }
        return arithmetic("+", left, right);
    }

    private static Object arithmetic(String operator, Object left, Object right) {
        requireNumbers(operator, left, right);
        if (Values.isInteger(left) && Values.isInteger(right)) {
            long a = Values.integer(left);
            long b = Values.integer(right);
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                default -> Math.multiplyExact(a, b);
            };
        }
        double a = Values.real(left);
        double b = Values.real(right);
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            default -> a * b;
        };
    }

    private static void requireNumbers(String operator, Object left, Object right) {
        if (!Values.isNumber(left) || !Values.isNumber(right)) {
            throw Values.mismatch(operator, left, right);
        }
    }

    private static Object multiply(Budget budget, Object left, Object right) {
        if (Values.isInteger(left) && (right instanceof String || right instanceof List)) {
            return multiply(budget, right, left);
        }
        if (left instanceof String text && Values.isInteger(right)) {
            long times = Math.max(0, Values.integer(right));
            budget.make(Math.multiplyExact(times, text.length()));
            return text.repeat(text.isEmpty() ? 0 : (int) times);
        }
        if (left instanceof List<?> items && Values.isInteger(right)) {
            long times = items.isEmpty() ? 0 : Math.max(0, Values.integer(right));
            budget.make(Math.multiplyExact(times, items.size()));
            List<Object> repeated = new ArrayList<>();
            for (long i = 0; i < times; i++) {
                repeated.addAll(items);
            }
            return left instanceof Tuple ? new Tuple(repeated) : repeated;
        }
        return arithmetic("*", left, right);
    }

    private static Object divide(Object left, Object right) {
        requireNumbers("/", left, right);
        requireNotZero(right);
        return Values.real(left) / Values.real(right);
    }

    private static void requireNotZero(Object divisor) {
        if (Values.real(divisor) == 0) {
            throw new TemplateException("division by zero");
        }
    }

    private static Object floorDivide(Object left, Object right) {
        requireNumbers("//", left, right);
        requireNotZero(right);
        return Values.isInteger(left) && Values.isInteger(right)
                ? (Object) Math.floorDiv(Values.integer(left), Values.integer(right))
                : (Object) Math.floor(Values.real(left) / Values.real(right));
    }

    private static Object modulo(Object left, Object right) {
        requireNumbers("%", left, right);
        requireNotZero(right);
        if (Values.isInteger(left) && Values.isInteger(right)) {
            return Math.floorMod(Values.integer(left), Values.integer(right));
        }
        double divisor = Values.real(right);
        double rest = Values.real(left) % divisor;
        if (rest == 0) {
            return Math.copySign(0, divisor);
        }
        return rest < 0 != divisor < 0 ? rest + divisor : rest;
    }

    private static Object power(Object left, Object right) {
        requireNumbers("**", left, right);
        if (!Values.isInteger(left) || !Values.isInteger(right) || Values.integer(right) < 0) {
            return Math.pow(Values.real(left), Values.real(right));
        }
        long base = Values.integer(left);
        long exponent = Values.integer(right);
        if (base == 0 || base == 1 || base == -1) {
            return exponent == 0 ? 1L : base == -1 && exponent % 2 == 0 ? 1L : base;
        }
        long result = 1;
        for (long i = 0; i < exponent; i++) {
            // Ends by its overflow after at most 63 rounds.
            result = Math.multiplyExact(result, base);
        }
        return result;
    }

    static Object negate(Object value) {
        if (Values.isInteger(value)) {
            return -Values.integer(value);
        }
        if (value instanceof Double number) {
            return -number;
        }
        throw Values.mismatch("-", value, value);
    }
}
