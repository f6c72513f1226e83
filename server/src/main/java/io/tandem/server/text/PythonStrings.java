package io.tandem.server.text;

import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELContext;
import org.jspecify.annotations.Nullable;

/** Python's methods of strings and dicts, as far as chat templates call them; Java's of the same name differ. */
final class PythonStrings extends CompositeELResolver {
    private static final int MAX_CHARS = 16 << 20;
    private static final String WHITESPACE = " \t\n\r\u000b\f";

    PythonStrings() {
        add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
    }

    @Override
    public @Nullable Object invoke(
            ELContext context,
            @Nullable Object base,
            @Nullable Object method,
            Class<?> @Nullable [] types,
            Object @Nullable [] arguments) {
        Object result = null;
        if (base instanceof CharSequence text && method != null) {
            result = string(text.toString(), method.toString(), arguments == null ? new Object[0] : arguments);
        } else if (base instanceof Map<?, ?> map && "get".equals(method) && arguments != null) {
            context.setPropertyResolved(true);
            Object value = map.get(arguments[0]);
            return value == null && arguments.length > 1 ? arguments[1] : value;
        }
        if (result != null) {
            context.setPropertyResolved(true);
            return result;
        }
        return super.invoke(context, base, method, types, arguments);
    }

    private static @Nullable Object string(String text, String method, Object[] arguments) {
        String first = arguments.length == 0 ? "" : String.valueOf(arguments[0]);
        return switch (method) {
            case "strip" -> rightStripped(leftStripped(text, first), first);
            case "lstrip" -> leftStripped(text, first);
            case "rstrip" -> rightStripped(text, first);
            case "startswith" -> text.startsWith(first);
            case "endswith" -> text.endsWith(first);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "split" -> split(text, first);
            case "replace" -> arguments.length == 2 ? replaced(text, first, String.valueOf(arguments[1])) : null;
            default -> null;
        };
    }

    private static List<String> split(String text, String separator) {
        if (separator.isEmpty()) {
            return Arrays.stream(text.split("\\s+", -1))
                    .filter(part -> !part.isEmpty())
                    .toList();
        }
        return List.of(text.split(Pattern.quote(separator), -1));
    }

    private static String replaced(String text, String from, String to) {
        long growth = Math.max(1, (long) to.length()) * text.length();
        if (growth > MAX_CHARS && to.length() > from.length()) {
            throw new IllegalArgumentException("replace makes a text too long");
        }
        return text.replace(from, to);
    }

    private static String leftStripped(String text, String characters) {
        String drop = characters.isEmpty() ? WHITESPACE : characters;
        int start = 0;
        while (start < text.length() && drop.indexOf(text.charAt(start)) >= 0) {
            start++;
        }
        return text.substring(start);
    }

    private static String rightStripped(String text, String characters) {
        String drop = characters.isEmpty() ? WHITESPACE : characters;
        int end = text.length();
        while (end > 0 && drop.indexOf(text.charAt(end - 1)) >= 0) {
            end--;
        }
        return text.substring(0, end);
    }
}
