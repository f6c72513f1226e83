package io.tandem.server.text.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Filters of texts. */
final class TextFilters {
    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);

    private TextFilters() {}

    static Map<String, Filter> all() {
        Map<String, Filter> all = new LinkedHashMap<>();
        Filter.put(all, (budget, arguments) -> text(budget, arguments).toUpperCase(Locale.ROOT), "upper");
        Filter.put(all, (budget, arguments) -> text(budget, arguments).toLowerCase(Locale.ROOT), "lower");
        Filter.put(all, (budget, arguments) -> StringMethods.capitalize(text(budget, arguments)), "capitalize");
        Filter.put(all, (budget, arguments) -> titled(text(budget, arguments)), "title");
        Filter.put(
                all,
                (budget, arguments) -> StringMethods.strip(text(budget, arguments), arguments.rest(1), true, true),
                "trim");
        Filter.put(all, (budget, arguments) -> text(budget, arguments), "string", "safe");
        Filter.put(
                all,
                (budget, arguments) -> StringMethods.replace(
                        budget,
                        text(budget, arguments),
                        Text.of(budget, arguments.get(1, "old")),
                        Text.of(budget, arguments.get(2, "new")),
                        arguments.integer(3, "count", -1)),
                "replace");
        Filter.put(
                all,
                (budget, arguments) -> StringMethods.center(
                        text(budget, arguments), Budget.width(arguments.integer(1, "width", 80)), " "),
                "center");
        Filter.put(all, TextFilters::indent, "indent");
        Filter.put(all, TextFilters::truncate, "truncate");
        Filter.put(all, (budget, arguments) -> escaped(text(budget, arguments)), "escape", "e", "forceescape");
        Filter.put(
                all,
                (budget, arguments) -> text(budget, arguments)
                        .replaceAll("<!--.*?-->|<[^>]*>", "")
                        .replaceAll("\\s+", " ")
                        .strip(),
                "striptags");
        Filter.put(
                all,
                (budget, arguments) ->
                        WORD.matcher(text(budget, arguments)).results().count(),
                "wordcount");
        Filter.put(all, (budget, arguments) -> Json.of(budget, arguments), "tojson");
        Filter.put(all, (budget, arguments) -> Text.repr(budget, arguments.value()), "pprint");
        Filter.put(
                all,
                (budget, arguments) -> arguments.count() > 1
                        ? Formatting.percent(budget, text(budget, arguments), formatValues(arguments))
                        : text(budget, arguments),
                "format");
        Filter.put(
                all,
                (budget, arguments) -> java.net.URLEncoder.encode(
                                text(budget, arguments), java.nio.charset.StandardCharsets.UTF_8)
                        .replace("+", "%20")
                        .replace("%2F", "/"),
                "urlencode");
        return all;
    }

    private static Object formatValues(Arguments arguments) {
        return arguments.named().isEmpty()
                ? new Tuple(List.copyOf(arguments.rest(1).positional()))
                : new LinkedHashMap<Object, Object>(arguments.named());
    }

    /** jinja2's own rule: words begin after blanks, dashes and brackets. */
    private static String titled(String text) {
        StringBuilder out = new StringBuilder();
        boolean starts = true;
        for (int c : text.codePoints().toArray()) {
            out.appendCodePoint(starts ? Character.toUpperCase(c) : Character.toLowerCase(c));
            starts = StringMethods.isSpace(c) || "-([{<".indexOf(c) >= 0;
        }
        return out.toString();
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }

    private static Object indent(Budget budget, Arguments arguments) {
        Object width = arguments.get(1, "width", 4L);
        String indent =
                width instanceof String these ? these : " ".repeat(Budget.width(arguments.integer(1, "width", 4)));
        boolean first = arguments.flag(2, "first", false);
        boolean blank = arguments.flag(3, "blank", false);
        String[] lines = text(budget, arguments).split("\n", -1);
        budget.make(Math.multiplyExact((long) lines.length, (long) indent.length() + 1));
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < lines.length; i++) {
            out.append(i == 0 ? "" : "\n");
            boolean wanted = i == 0 ? first : blank || !lines[i].isEmpty();
            out.append(wanted ? indent : "").append(lines[i]);
        }
        return out.toString();
    }

    private static Object truncate(Budget budget, Arguments arguments) {
        String text = text(budget, arguments);
        int length = Budget.width(arguments.integer(1, "length", 255));
        String end = arguments.text(3, "end", "...");
        if (Values.codePoints(text) <= length + arguments.integer(4, "leeway", 5)) {
            return text;
        }
        int keep = Math.max(0, length - Values.codePoints(end));
        String cut = text.substring(0, text.offsetByCodePoints(0, keep));
        int blank = cut.lastIndexOf(' ');
        return (arguments.flag(2, "killwords", false) || blank < 0 ? cut : cut.substring(0, blank)) + end;
    }

    private static String text(Budget budget, Arguments arguments) {
        String text = Text.of(budget, arguments.value());
        budget.make(text.length());
        return text;
    }
}
