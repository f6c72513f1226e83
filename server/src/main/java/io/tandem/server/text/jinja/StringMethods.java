package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Methods of Python's strings. */
final class StringMethods {
    private final Budget budget;
    private final String text;

    private StringMethods(Budget budget, String text) {
        this.budget = budget;
        this.text = text;
    }

    /** The method of this name; null if strings have none. */
    static @Nullable Function of(Budget budget, String text, String name) {
        Function method = new StringMethods(budget, text).method(name);
        return method == null
                ? null
                : arguments -> {
                    budget.step();
                    budget.make(text.length());
                    return method.call(arguments);
                };
    }

    private @Nullable Function method(String name) {
        return switch (name) {
            case "upper" -> arguments -> text.toUpperCase(Locale.ROOT);
            case "lower", "casefold" -> arguments -> text.toLowerCase(Locale.ROOT);
            case "title" -> arguments -> title(text);
            case "capitalize" -> arguments -> capitalize(text);
            case "swapcase" ->
                arguments ->
                        mapped(c -> Character.isUpperCase(c) ? Character.toLowerCase(c) : Character.toUpperCase(c));
            case "strip" -> arguments -> strip(text, arguments, true, true);
            case "lstrip" -> arguments -> strip(text, arguments, true, false);
            case "rstrip" -> arguments -> strip(text, arguments, false, true);
            case "split" -> arguments -> split(arguments, false);
            case "rsplit" -> arguments -> split(arguments, true);
            case "splitlines" -> arguments -> lines(arguments.flag(0, "keepends", false));
            case "partition" -> arguments -> partition(arguments.text(0, "sep"), false);
            case "rpartition" -> arguments -> partition(arguments.text(0, "sep"), true);
            case "replace" ->
                arguments -> replace(
                        budget,
                        text,
                        arguments.text(0, "old"),
                        arguments.text(1, "new"),
                        arguments.integer(2, "count", -1));
            case "startswith" -> arguments -> affix(arguments, true);
            case "endswith" -> arguments -> affix(arguments, false);
            case "removeprefix" ->
                arguments -> text.startsWith(arguments.text(0, "prefix"))
                        ? text.substring(arguments.text(0, "prefix").length())
                        : text;
            case "removesuffix" ->
                arguments -> text.endsWith(arguments.text(0, "suffix"))
                        ? text.substring(
                                0, text.length() - arguments.text(0, "suffix").length())
                        : text;
            case "find" -> arguments -> search(arguments, false);
            case "rfind" -> arguments -> search(arguments, true);
            case "index" -> arguments -> found(search(arguments, false));
            case "rindex" -> arguments -> found(search(arguments, true));
            case "count" ->
                arguments -> {
                    Window window = window(arguments);
                    return window == null ? 0L : (long) count(window.text(), arguments.text(0, "sub"));
                };
            case "join" -> arguments -> Filters.join(budget, texts(arguments.get(0, "iterable")), text);
            case "format" -> arguments -> Formatting.braces(budget, text, arguments);
            case "isdigit", "isnumeric", "isdecimal" -> arguments -> all(Character::isDigit);
            case "isalpha" -> arguments -> all(Character::isLetter);
            case "isalnum" -> arguments -> all(Character::isLetterOrDigit);
            case "isspace" -> arguments -> all(StringMethods::isSpace);
            case "isupper" -> arguments -> cased(Character::isLowerCase, Character::isUpperCase);
            case "islower" -> arguments -> cased(Character::isUpperCase, Character::isLowerCase);
            case "zfill" -> arguments -> zeros(Budget.width(arguments.integer(0, "width", 0)));
            case "center" ->
                arguments -> center(
                        text, Budget.width(arguments.integer(0, "width", 0)), arguments.text(1, "fillchar", " "));
            case "ljust" -> arguments -> text + fill(arguments);
            case "rjust" -> arguments -> fill(arguments) + text;
            default -> null;
        };
    }

    static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.append(inWord ? Character.toString(Character.toLowerCase(c)) : titleCase(c));
            inWord = Character.isLetter(c);
        }
        return out.toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.codePointAt(0);
        return titleCase(first) + text.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
    }

    /** Some letters become two: the German sharp s, ligatures. */
    private static String titleCase(int c) {
        int title = Character.toTitleCase(c);
        String upper = Character.toString(c).toUpperCase(Locale.ROOT);
        boolean two = title == c && Values.codePoints(upper) > 1;
        return two ? upper.charAt(0) + upper.substring(1).toLowerCase(Locale.ROOT) : Character.toString(title);
    }

    private String mapped(java.util.function.IntUnaryOperator change) {
        StringBuilder out = new StringBuilder();
        text.codePoints().map(change).forEach(out::appendCodePoint);
        return out.toString();
    }

    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    /** Without blanks, or without the characters that are named, at its ends. */
    static String strip(String text, Arguments arguments, boolean start, boolean end) {
        Object chars = arguments.get(0, "chars", None.NONE);
        Set<Integer> named = chars instanceof String these
                ? these.codePoints().boxed().collect(java.util.stream.Collectors.toSet())
                : Set.of();
        IntPredicate away = chars instanceof String ? named::contains : StringMethods::isSpace;
        int from = 0;
        int to = text.length();
        while (start && from < to && away.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (end && to > from && away.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    private Object split(Arguments arguments, boolean fromEnd) {
        Object separator = arguments.get(0, "sep", None.NONE);
        long most = arguments.integer(1, "maxsplit", -1);
        List<Object> parts = separator instanceof String sep ? splitAt(sep, most, fromEnd) : words(most, fromEnd);
        budget.make(parts.size());
        return parts;
    }

    private List<Object> splitAt(String separator, long most, boolean fromEnd) {
        if (separator.isEmpty()) {
            throw new TemplateException("empty separator");
        }
        List<Object> parts = new ArrayList<>();
        String rest = text;
        while (most < 0 || parts.size() < most) {
            int at = fromEnd ? rest.lastIndexOf(separator) : rest.indexOf(separator);
            if (at < 0) {
                break;
            }
            budget.step();
            budget.make(1);
            parts.add(fromEnd ? rest.substring(at + separator.length()) : rest.substring(0, at));
            rest = fromEnd ? rest.substring(0, at) : rest.substring(at + separator.length());
            budget.make(rest.length() / 16);
        }
        parts.add(rest);
        if (fromEnd) {
            java.util.Collections.reverse(parts);
        }
        return parts;
    }

    private List<Object> words(long most, boolean fromEnd) {
        List<Object> parts = new ArrayList<>();
        // What is left after the last split keeps the blanks at its other end.
        String rest = strip(text, Arguments.of("strip"), !fromEnd, fromEnd);
        while (!rest.isEmpty()) {
            int[] blanks = blanks(rest, fromEnd);
            if (blanks[0] < 0 || (most >= 0 && parts.size() >= most)) {
                parts.add(rest);
                break;
            }
            budget.step();
            parts.add(fromEnd ? rest.substring(blanks[1]) : rest.substring(0, blanks[0]));
            rest = fromEnd ? rest.substring(0, blanks[0]) : rest.substring(blanks[1]);
            budget.make(rest.length() / 16);
        }
        if (fromEnd) {
            java.util.Collections.reverse(parts);
        }
        return parts;
    }

    /** The first or last run of blanks: its start and the end of it; -1 if there is none. */
    private static int[] blanks(String text, boolean last) {
        int from = -1;
        int i = last ? text.length() - 1 : 0;
        int step = last ? -1 : 1;
        while (i >= 0 && i < text.length() && !isSpace(text.charAt(i))) {
            i += step;
        }
        if (i < 0 || i >= text.length()) {
            return new int[] {from, from};
        }
        int other = i;
        while (other >= 0 && other < text.length() && isSpace(text.charAt(other))) {
            other += step;
        }
        return last ? new int[] {other + 1, i + 1} : new int[] {i, other};
    }

    private Object lines(boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ("\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(c) < 0) {
                continue;
            }
            int end = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? i + 2 : i + 1;
            lines.add(text.substring(from, keepEnds ? end : i));
            budget.make(1);
            from = end;
            i = end - 1;
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    private List<Object> texts(Object iterable) {
        List<Object> items = Values.list(budget, iterable);
        for (Object item : items) {
            if (!(item instanceof String)) {
                throw new TemplateException("join(): expected str instances, found " + Values.typeName(item));
            }
        }
        return items;
    }

    private Object partition(String separator, boolean last) {
        int at = separator.isEmpty() ? -1 : last ? text.lastIndexOf(separator) : text.indexOf(separator);
        if (at < 0) {
            return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
        }
        return Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
    }

    static String replace(Budget budget, String text, String old, String with, long most) {
        long times = old.isEmpty() ? text.length() + 1L : count(text, old);
        long done = most < 0 ? times : Math.min(times, most);
        budget.make(text.length() + Math.multiplyExact(done, (long) with.length()));
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (long i = 0; i < done; i++) {
            int next = old.isEmpty() ? (i == 0 ? 0 : text.offsetByCodePoints(at, 1)) : text.indexOf(old, at);
            out.append(text, at, next).append(with);
            at = next + old.length();
            if (old.isEmpty() && at == text.length()) {
                break;
            }
        }
        return out.append(text, at, text.length()).toString();
    }

    static int count(String text, String part) {
        if (part.isEmpty()) {
            return Values.codePoints(text) + 1;
        }
        int count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
            count++;
        }
        return count;
    }

    private boolean affix(Arguments arguments, boolean start) {
        Window window = window(arguments);
        return window != null && affix(window.text(), arguments.get(0, start ? "prefix" : "suffix"), start);
    }

    private static boolean affix(String text, Object wanted, boolean start) {
        if (wanted instanceof Tuple any) {
            return any.stream().anyMatch(one -> affix(text, one, start));
        }
        if (wanted instanceof String affix) {
            return start ? text.startsWith(affix) : text.endsWith(affix);
        }
        throw new TemplateException((start ? "startswith" : "endswith")
                + " first arg must be str or a tuple of str, not " + Values.typeName(wanted));
    }

    /**
     * A part of the text.
     *
     * @param from where it begins, in code units
     */
    private record Window(String text, int from) {}

    /** The part that the arguments {@code start} and {@code end} name; null if it begins behind its end. */
    private @Nullable Window window(Arguments arguments) {
        int length = Values.codePoints(text);
        long start = arguments.integer(1, "start", 0);
        long end = arguments.integer(2, "end", length);
        long from = Math.max(0, start < 0 ? start + length : start);
        long to = Math.min(length, Math.max(0, end < 0 ? end + length : end));
        if (from > to) {
            return null;
        }
        int begin = text.offsetByCodePoints(0, (int) from);
        return new Window(text.substring(begin, text.offsetByCodePoints(begin, (int) (to - from))), begin);
    }

    /** The position of a part in code points; -1 if it does not occur. */
    private long search(Arguments arguments, boolean last) {
        String part = arguments.text(0, "sub");
        Window window = window(arguments);
        if (window == null) {
            return -1;
        }
        int unit = last ? window.text().lastIndexOf(part) : window.text().indexOf(part);
        return unit < 0 ? -1 : text.codePointCount(0, window.from() + unit);
    }

    private static long found(long position) {
        if (position < 0) {
            throw new TemplateException("substring not found");
        }
        return position;
    }

    private boolean all(IntPredicate what) {
        return !text.isEmpty() && text.codePoints().allMatch(what);
    }

    private boolean cased(IntPredicate never, IntPredicate once) {
        return text.codePoints().noneMatch(never) && text.codePoints().anyMatch(once);
    }

    private String zeros(int width) {
        int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
        return text.substring(0, sign)
                + "0".repeat(Math.max(0, width - Values.codePoints(text)))
                + text.substring(sign);
    }

    static String center(String text, int width, String fill) {
        int missing = Math.max(0, width - Values.codePoints(text));
        // Python puts the odd one to the left if the width is odd.
        int left = missing / 2 + (missing & width & 1);
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    private String fill(Arguments arguments) {
        int width = Budget.width(arguments.integer(0, "width", 0));
        return arguments.text(1, "fillchar", " ").repeat(Math.max(0, width - Values.codePoints(text)));
    }
}
