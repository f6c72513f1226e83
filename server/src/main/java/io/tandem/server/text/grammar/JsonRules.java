package io.tandem.server.text.grammar;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;

/** The parts of JSON texts that schemas put together, each made once. */
final class JsonRules {
    /** Nothing, a blank, or up to two line ends with an indentation: more would let a model write blanks for ever. */
    private static final String SPACE = "( |\n{1,2}[ \t]{0,40})?";

    private static final String INTEGER = "-?(0|[1-9][0-9]{0,14})";
    private static final String NUMBER = INTEGER + "(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?";

    private final GrammarBuilder builder;
    private final Spelling raw;
    private final Spelling quoted;
    private final Map<String, Integer> rules = new HashMap<>();

    JsonRules(GrammarBuilder builder) {
        this.builder = builder;
        this.raw = new Spelling(builder, false);
        this.quoted = new Spelling(builder, true);
    }

    /** A rule by this name: what is written from its first node, up to the node that is returned. */
    private int rule(String name, IntBinaryOperator body) {
        Integer known = rules.get(name);
        if (known != null) {
            return known;
        }
        int rule = builder.node();
        rules.put(name, rule);
        int end = builder.node();
        builder.end(end);
        builder.empty(body.applyAsInt(rule, end), end);
        return rule;
    }

    private int call(int from, int rule) {
        int to = builder.node();
        builder.call(from, rule, to);
        return to;
    }

    int space(int from) {
        return call(from, rule("space", (start, end) -> raw.text(start, RegexNfa.whole(SPACE))));
    }

    int integer(int from) {
        return call(from, rule("integer", (start, end) -> raw.text(start, RegexNfa.whole(INTEGER))));
    }

    int number(int from) {
        return call(from, rule("number", (start, end) -> raw.text(start, RegexNfa.whole(NUMBER))));
    }

    /** Any text in quotes. */
    int string(int from) {
        return call(from, rule("string", (start, end) -> string(start, CharNfa.ofLength(0, Regex.UNBOUNDED))));
    }

    /** A text of the automaton in quotes. */
    int string(int from, CharNfa texts) {
        return builder.literal(quoted.text(builder.literal(from, "\""), texts), "\"");
    }

    /** A name that is none of these, with its colon. It is written without escapes, so that it equals none of them either. */
    int otherName(int from, Iterable<String> names) {
        int behind = string(from, CharNfa.otherThan(CharSet.PLAIN_IN_JSON, names));
        return space(builder.literal(behind, ":"));
    }

    /** Any value. */
    int value(int from) {
        return call(from, valueRule());
    }

    int valueRule() {
        return rule("value", (start, end) -> {
            for (String literal : List.of("true", "false", "null")) {
                builder.empty(builder.literal(start, literal), end);
            }
            builder.empty(number(start), end);
            builder.empty(string(start), end);
            builder.empty(object(start), end);
            builder.empty(list(start, "[", "]", this::value), end);
            return end;
        });
    }

    /** Any object. */
    int object(int from) {
        return call(from, rule("object", (start, end) -> list(start, "{", "}", this::pair)));
    }

    private int pair(int from) {
        return value(call(from, rule("name", (start, end) -> otherName(start, List.of()))));
    }

    private int list(int from, String open, String close, IntUnaryOperator item) {
        int first = space(builder.literal(from, open));
        int last = builder.node();
        int items = builder.node();
        builder.empty(first, items);
        int behind = item.applyAsInt(items);
        builder.empty(space(builder.literal(behind, ",")), items);
        builder.empty(space(behind), last);
        builder.empty(first, last);
        return builder.literal(last, close);
    }
}
