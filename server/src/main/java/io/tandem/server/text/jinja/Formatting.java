package io.tandem.server.text.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Python's {@code 'a%s' % x} and {@code 'a{}'.format(x)}. */
final class Formatting {
    private static final Pattern PERCENT =
            Pattern.compile("%(?:\\(([^)]*)\\))?([-+ 0#]*)([0-9]*)(?:\\.([0-9]+))?([a-zA-Z%])");
    private static final Pattern BRACES = Pattern.compile("\\{\\{|\\}\\}|\\{([^{}!:]*)(?:!([rs]))?(?::([^{}]*))?\\}");
    private static final Pattern SPEC = Pattern.compile(
            "(?:(.)?([<>^=]))?([-+ ])?#?(0)?([0-9]*)([,_])?(?:\\.([0-9]+))?([a-zA-Z%])?", Pattern.DOTALL);

    private Formatting() {}

    static String percent(Budget budget, String format, Object values) {
        Matcher matcher = PERCENT.matcher(format);
        StringBuilder out = new StringBuilder();
        int used = 0;
        int at = 0;
        while (matcher.find()) {
            out.append(format, at, matcher.start());
            at = matcher.end();
            if (matcher.group(5).equals("%")) {
                out.append('%');
                continue;
            }
            Object value;
            if (matcher.group(1) != null) {
                value = values instanceof Map<?, ?> map ? Members.item(budget, map, matcher.group(1)) : values;
            } else if (values instanceof Tuple tuple) {
                if (used == tuple.size()) {
                    throw new TemplateException("not enough arguments for format string");
                }
                value = tuple.get(used++);
            } else {
                value = values;
                used++;
            }
            out.append(one(budget, matcher, value));
            budget.make(out.length() / 8);
        }
        if (values instanceof Tuple tuple ? used < tuple.size() : used > 1) {
            throw new TemplateException("the number of arguments does not fit the format string");
        }
        String result = out.append(format, at, format.length()).toString();
        budget.make(result.length());
        return result;
    }

    private static String one(Budget budget, Matcher matcher, Object value) {
        char type = matcher.group(5).charAt(0);
        String flags = matcher.group(2);
        @Nullable String precision = matcher.group(4);
        String align = flags.contains("-") ? "<" : ">";
        String sign = flags.contains("+") ? "+" : flags.contains(" ") ? " " : "-";
        boolean zero = flags.contains("0") && !flags.contains("-") && type != 's' && type != 'r';
        String text = switch (type) {
            case 's' -> cut(Text.of(budget, value), precision);
            case 'r' -> cut(Text.repr(budget, value), precision);
            case 'd', 'i', 'u' -> signed(whole(value), sign);
            case 'x' -> signed(Long.toHexString(Math.abs(Values.integer(value))), Values.integer(value) < 0, sign);
            case 'f', 'F' -> signed(fixed(value, precision == null ? 6 : number(precision)), sign);
            default -> throw new TemplateException("unsupported format character '" + type + "'");
        };
        return pad(text, zero ? '0' : ' ', zero ? "=" : align, number(matcher.group(3)));
    }

    private static String cut(String text, @Nullable String precision) {
        int length = precision == null ? Integer.MAX_VALUE : number(precision);
        return Values.codePoints(text) <= length ? text : text.substring(0, text.offsetByCodePoints(0, length));
    }

    private static int number(@Nullable String digits) {
        if (digits == null || digits.isEmpty()) {
            return 0;
        }
        return Budget.width(digits.length() > 9 ? Long.MAX_VALUE : Long.parseLong(digits));
    }

    private static String whole(Object value) {
        if (!Values.isNumber(value)) {
            throw new TemplateException("%d format: a real number is required, not " + Values.typeName(value));
        }
        return Values.isInteger(value)
                ? Long.toString(Values.integer(value))
                : new BigDecimal(Values.real(value)).toBigInteger().toString();
    }

    private static String fixed(Object value, int digits) {
        if (!Values.isNumber(value)) {
            throw new TemplateException("must be a real number, not " + Values.typeName(value));
        }
        double number = Values.real(value);
        return Double.isFinite(number)
                ? new BigDecimal(number)
                        .setScale(digits, RoundingMode.HALF_EVEN)
                        .toPlainString()
                : Text.number(number);
    }

    private static String signed(String digits, String sign) {
        return digits.startsWith("-") ? digits : signed(digits, false, sign);
    }

    private static String signed(String digits, boolean negative, String sign) {
        return negative ? "-" + digits : sign.equals("-") ? digits : sign + digits;
    }

    private static String pad(String text, char fill, String align, int width) {
        int missing = width - Values.codePoints(text);
        if (missing <= 0) {
            return text;
        }
        String all = String.valueOf(fill).repeat(missing);
        return switch (align) {
            case "<" -> text + all;
            case "^" -> all.substring(0, missing / 2) + text + all.substring(missing / 2);
            case "=" -> {
                int sign = text.startsWith("-") || text.startsWith("+") || text.startsWith(" ") ? 1 : 0;
                yield text.substring(0, sign) + all + text.substring(sign);
            }
            default -> all + text;
        };
    }

    static String braces(Budget budget, String format, Arguments arguments) {
        Matcher matcher = BRACES.matcher(format);
        StringBuilder out = new StringBuilder();
        int next = 0;
        int at = 0;
        while (matcher.find()) {
            out.append(plain(format.substring(at, matcher.start())));
            at = matcher.end();
            if (matcher.group().equals("{{") || matcher.group().equals("}}")) {
                out.append(matcher.group().charAt(0));
                continue;
            }
            String field = matcher.group(1);
            Object value = field(budget, field.isEmpty() ? Integer.toString(next++) : field, arguments);
            if (matcher.group(2) != null) {
                value = matcher.group(2).equals("r") ? Text.repr(budget, value) : Text.of(budget, value);
            }
            out.append(matcher.group(3) == null ? Text.of(budget, value) : spec(budget, value, matcher.group(3)));
            budget.make(out.length() / 8);
        }
        String result = out.append(plain(format.substring(at))).toString();
        budget.make(result.length());
        return result;
    }

    private static String plain(String text) {
        if (text.contains("{") || text.contains("}")) {
            throw new TemplateException("a format string has a single or nested brace");
        }
        return text;
    }

    private static Object field(Budget budget, String path, Arguments arguments) {
        String[] parts = path.split("\\.|(?=\\[)", -1);
        String first = parts[0];
        Object value = first.matches("[0-9]{1,9}")
                ? arguments.get(Integer.parseInt(first), first)
                : arguments.get(Integer.MAX_VALUE, first);
        for (int i = 1; i < parts.length; i++) {
            String part = parts[i];
            if (part.startsWith("[")) {
                String key = part.substring(1, part.length() - 1);
                value = Members.item(budget, value, key.matches("[0-9]{1,9}") ? (Object) Long.valueOf(key) : key);
            } else {
                value = Members.attribute(budget, value, part);
            }
        }
        return value;
    }

    private static String spec(Budget budget, Object value, String spec) {
        Matcher matcher = SPEC.matcher(spec);
        if (!matcher.matches()) {
            throw new TemplateException("invalid format specifier '" + spec + "'");
        }
        boolean isNumber = Values.isNumber(value);
        String sign = matcher.group(3) == null ? "-" : matcher.group(3);
        @Nullable String precision = matcher.group(7);
        char type = matcher.group(8) == null
                ? (!isNumber ? 's' : Values.isInteger(value) ? 'd' : precision == null ? 'r' : 'g')
                : matcher.group(8).charAt(0);
        String text = switch (type) {
            case 's' -> cut(Text.of(budget, value), precision);
            case 'r' -> signed(Text.of(budget, value), sign);
            case 'd' -> signed(whole(value), sign);
            case 'x' -> signed(Long.toHexString(Values.integer(value)), sign);
            case 'f', 'F' -> signed(fixed(value, precision == null ? 6 : number(precision)), sign);
            case '%' -> signed(fixed(100 * Values.real(value), precision == null ? 6 : number(precision)), sign) + "%";
            default -> throw new TemplateException("unknown format code '" + type + "'");
        };
        if (matcher.group(6) != null) {
            text = grouped(text, matcher.group(6));
        }
        boolean zero = matcher.group(4) != null && matcher.group(2) == null;
        char fill = matcher.group(1) != null ? matcher.group(1).charAt(0) : zero ? '0' : ' ';
        String align = matcher.group(2) != null ? matcher.group(2) : zero ? "=" : isNumber ? ">" : "<";
        return pad(text, fill, align, number(matcher.group(5)));
    }

    private static String grouped(String digits, String separator) {
        return digits.replaceAll("(?<=[0-9])(?=(?:[0-9]{3})+(?![0-9]))(?<!\\.[0-9]{0,300})", separator);
    }
}
