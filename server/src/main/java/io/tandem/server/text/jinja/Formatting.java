package io.tandem.server.text.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
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
            out.append(literal(format.substring(at, matcher.start())));
            at = matcher.end();
            if (matcher.group(5).equals("%")) {
                out.append('%');
                continue;
            }
            Object value;
            if (matcher.group(1) != null) {
                if (!(values instanceof Map<?, ?> map)) {
                    throw new TemplateException("format requires a mapping");
                }
                value = Members.item(budget, map, matcher.group(1));
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
        // Python lets a dict or a list stand behind a format that uses nothing of it.
        boolean container = values instanceof Map || values instanceof List || values instanceof Undefined;
        if (values instanceof Tuple tuple ? used < tuple.size() : used > 1 || (used == 0 && !container)) {
            throw new TemplateException("the number of arguments does not fit the format string");
        }
        String result = out.append(literal(format.substring(at))).toString();
        budget.make(result.length());
        return result;
    }

    private static String literal(String text) {
        if (text.contains("%")) {
            throw new TemplateException("incomplete format, or one that is not supported");
        }
        return text;
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
            default -> {
                String numeral = numeral(type, value, precision, flags.contains("#"));
                if (numeral == null || type == 'b') {
                    throw new TemplateException("unsupported format character '" + type + "'");
                }
                yield signed(numeral, sign);
            }
        };
        return pad(text, zero ? '0' : ' ', zero ? "=" : align, number(matcher.group(3)));
    }

    /** A number in the forms that both ways of formatting share; null if the type is none of them. */
    private static @Nullable String numeral(char type, Object value, @Nullable String precision, boolean alternative) {
        int digits = precision == null ? 6 : number(precision);
        String text = switch (Character.toLowerCase(type)) {
            case 'x' -> based(value, 16, alternative ? "0x" : "");
            case 'o' -> based(value, 8, alternative ? "0o" : "");
            case 'b' -> based(value, 2, alternative ? "0b" : "");
            case 'e' -> scientific(finite(value), digits);
            case 'f' -> fixed(value, digits);
            case 'g' -> general(finite(value), Math.max(1, digits));
            default -> null;
        };
        return text != null && Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text;
    }

    private static double percentage(Object value) {
        if (!Values.isNumber(value)) {
            throw new TemplateException("must be a real number, not " + Values.typeName(value));
        }
        return 100 * Values.real(value);
    }

    private static String based(Object value, int base, String prefix) {
        if (!Values.isInteger(value)) {
            throw new TemplateException("an integer is required, not " + Values.typeName(value));
        }
        long number = Values.integer(value);
        String digits = Long.toString(number, base);
        return number < 0 ? "-" + prefix + digits.substring(1) : prefix + digits;
    }

    private static BigDecimal finite(Object value) {
        if (!Values.isNumber(value) || !Double.isFinite(Values.real(value))) {
            throw new TemplateException("a finite number is required, not " + Values.typeName(value));
        }
        return new BigDecimal(Values.real(value));
    }

    /** With a digit before the point and so many behind it. */
    private static String scientific(BigDecimal number, int digits) {
        BigDecimal rounded = number.round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
        String all = rounded.unscaledValue().abs().toString();
        String padded = all + "0".repeat(Math.max(0, digits + 1 - all.length()));
        int exponent = number.signum() == 0 ? 0 : exponent(rounded);
        return (number.signum() < 0 ? "-" : "") + padded.charAt(0)
                + (digits > 0 ? "." + padded.substring(1, digits + 1) : "") + "e" + (exponent < 0 ? "-" : "+")
                + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    private static int exponent(BigDecimal number) {
        return number.precision() - number.scale() - 1;
    }

    /** So many digits without zeros at the end; an exponent only for small and large numbers. */
    private static String general(BigDecimal number, int digits) {
        BigDecimal rounded = number.round(new MathContext(digits, RoundingMode.HALF_EVEN));
        if (number.signum() == 0 || (exponent(rounded) >= -4 && exponent(rounded) < digits)) {
            return rounded.stripTrailingZeros().toPlainString();
        }
        return scientific(number, digits - 1).replaceFirst("\\.?0*e", "e");
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
            case '%' -> signed(fixed(percentage(value), precision == null ? 6 : number(precision)), sign) + "%";
            default -> {
                String numeral = numeral(type, value, precision, spec.contains("#"));
                if (numeral == null) {
                    throw new TemplateException("unknown format code '" + type + "'");
                }
                yield signed(numeral, sign);
            }
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
