package io.tandem.server.text;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Python's methods of strings, as far as chat templates call them; Java's of the same name differ. */
final class PythonStrings {
    private static final String WHITESPACE = " \t\n\r\u000b\f";

    private PythonStrings() {}

    /** What the method returns; null if there is no such method. */
    static @Nullable Object call(RenderBudget budget, String text, String method, Object[] arguments) {
        String first = arguments.length == 0 ? "" : String.valueOf(arguments[0]);
        return switch (method) {
            case "strip" -> rightStripped(leftStripped(text, first), first);
            case "lstrip" -> leftStripped(text, first);
            case "rstrip" -> rightStripped(text, first);
            case "startswith" -> text.startsWith(first);
            case "endswith" -> text.endsWith(first);
            case "removeprefix" -> text.startsWith(first) ? text.substring(first.length()) : text;
            case "removesuffix" -> text.endsWith(first) ? text.substring(0, text.length() - first.length()) : text;
            case "find" -> text.indexOf(first);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" ->
                text.isEmpty()
                        ? text
                        : text.substring(0, 1).toUpperCase(Locale.ROOT)
                                + text.substring(1).toLowerCase(Locale.ROOT);
            case "split" -> split(text, first);
            case "splitlines" -> text.lines().toList();
            case "join" ->
                arguments.length == 1 && arguments[0] instanceof Collection<?> items
                        ? joined(budget, text, items)
                        : null;
            case "replace" ->
                arguments.length == 2 ? replaced(budget, text, first, String.valueOf(arguments[1])) : null;
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

    private static String joined(RenderBudget budget, String separator, Collection<?> items) {
        StringJoiner joined = new StringJoiner(separator);
        for (Object item : items) {
            budget.step();
            joined.add(String.valueOf(item));
            budget.requireRoom(joined.length());
        }
        return joined.toString();
    }

    static String replaced(RenderBudget budget, String text, String from, String to) {
        if (to.length() > from.length()) {
            // An empty text is found between all characters.
            long found = from.isEmpty() ? text.length() + 1L : text.length() / from.length();
            if (text.length() + found * (to.length() - from.length()) > RenderBudget.MAX_CHARS) {
                found = from.isEmpty() ? found : occurrences(text, from);
                budget.requireRoom(text.length() + found * (to.length() - from.length()));
            }
        }
        return text.replace(from, to);
    }

    private static long occurrences(String text, String part) {
        long found = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
            found++;
        }
        return found;
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
