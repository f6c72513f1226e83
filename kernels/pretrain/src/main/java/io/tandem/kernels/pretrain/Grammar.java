package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Text from rules. In a rule's alternative {@code <name>} expands another rule, {@code [a|b]} chooses, {@code {name}}
 * is a binding, {@code {Name}} the same with a capital, {@code {a:name}} with its article.
 */
final class Grammar {
    private final Map<String, List<String>> rules = new LinkedHashMap<>();

    Grammar(List<String> lines) {
        List<String> alternatives = new ArrayList<>();
        for (String line : lines) {
            if (line.startsWith("= ")) {
                alternatives = new ArrayList<>();
                rules.put(line.substring(2), alternatives);
            } else {
                alternatives.add(line);
            }
        }
    }

    String expand(String rule, Map<String, String> bindings, Draw draw) {
        List<String> alternatives = rules.get(rule);
        if (alternatives == null) {
            throw new IllegalStateException("grammar has no rule <" + rule + ">");
        }
        return fill(draw.pick(alternatives), bindings, draw)
                .replaceAll(" +", " ")
                .strip();
    }

    private String fill(String text, Map<String, String> bindings, Draw draw) {
        StringBuilder out = new StringBuilder();
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c != '<' && c != '[' && c != '{') {
                out.append(c);
                continue;
            }
            int end = closing(text, at);
            String inside = text.substring(at + 1, end);
            out.append(
                    switch (c) {
                        case '<' -> expand(inside, bindings, draw);
                        case '[' -> fill(draw.pick(choices(inside)), bindings, draw);
                        default -> bound(inside, bindings, draw);
                    });
            at = end;
        }
        return out.toString();
    }

    private String bound(String name, Map<String, String> bindings, Draw draw) {
        if (name.startsWith("a:")) {
            return Inflection.withArticle(bound(name.substring(2), bindings, draw));
        }
        String key = name.toLowerCase(Locale.ROOT);
        String value = bindings.get(key);
        if (value == null) {
            value = expand(key, bindings, draw);
        }
        boolean capital = Character.isUpperCase(name.charAt(0));
        return capital ? Character.toUpperCase(value.charAt(0)) + value.substring(1) : value;
    }

    private static int closing(String text, int open) {
        char opener = text.charAt(open);
        char closer = opener == '<' ? '>' : opener == '[' ? ']' : '}';
        int depth = 0;
        for (int at = open; at < text.length(); at++) {
            if (text.charAt(at) == opener) {
                depth++;
            } else if (text.charAt(at) == closer && --depth == 0) {
                return at;
            }
        }
        throw new IllegalStateException("no closing " + closer + " in: " + text);
    }

    private static List<String> choices(String inside) {
        List<String> choices = new ArrayList<>();
        int depth = 0;
        int begin = 0;
        for (int at = 0; at < inside.length(); at++) {
            char c = inside.charAt(at);
            if (c == '[') {
                depth++;
            } else if (c == ']') {
                depth--;
            } else if (c == '|' && depth == 0) {
                choices.add(inside.substring(begin, at));
                begin = at + 1;
            }
        }
        choices.add(inside.substring(begin));
        return choices;
    }
}
