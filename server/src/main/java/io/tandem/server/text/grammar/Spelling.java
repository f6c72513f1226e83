package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.CharSet.Range;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** How characters become bytes: as UTF-8, or as in a JSON string, where some of them are escaped. */
final class Spelling {
    private static final String HEX = "0123456789abcdef";

    private final GrammarBuilder builder;
    private final boolean json;
    private final Map<CharSet, Integer> rules = new HashMap<>();

    Spelling(GrammarBuilder builder, boolean json) {
        this.builder = builder;
        this.json = json;
    }

    /** Reads a text of the automaton; returns the node behind it. */
    int text(int from, CharNfa nfa) {
        int[] nodes = new int[nfa.size()];
        Arrays.setAll(nodes, i -> builder.node());
        int to = builder.node();
        builder.empty(from, nodes[0]);
        for (int node = 0; node < nodes.length; node++) {
            for (CharNfa.Edge edge : nfa.edges(node)) {
                character(nodes[node], edge.set(), nodes[edge.to()]);
            }
            for (int next : nfa.empty(node)) {
                builder.empty(nodes[node], nodes[next]);
            }
            if (nfa.ends(node)) {
                builder.empty(nodes[node], to);
            }
        }
        return to;
    }

    private void character(int from, CharSet set, int to) {
        Range only = set.ranges().get(0);
        if (set.ranges().size() == 1
                && only.last() < 0x80
                && (!json || CharSet.PLAIN_IN_JSON.and(set).equals(set))) {
            builder.bytes(from, only.first(), only.last(), to);
            return;
        }
        Integer rule = rules.get(set);
        if (rule == null) {
            rule = builder.node();
            int end = builder.node();
            builder.end(end);
            spell(rule, set, end);
            rules.put(set, rule);
        }
        builder.call(from, rule, to);
    }

    private void spell(int from, CharSet set, int to) {
        CharSet plain = json ? set.and(CharSet.PLAIN_IN_JSON) : set;
        plain.ranges().forEach(range -> utf8(from, range.first(), range.last(), to));
        if (json) {
            for (int character = 0; character < 0x80; character++) {
                if (set.has(character) && !CharSet.PLAIN_IN_JSON.has(character)) {
                    escape(from, character, to);
                }
            }
            if (set.equals(CharSet.ALL)) {
                numbered(from, to);
            }
        }
    }

    private void escape(int from, int character, int to) {
        int letter = "\b\f\n\r\t\"\\".indexOf(character);
        String escaped = letter >= 0
                ? "\\" + "bfnrt\"\\".charAt(letter)
                : "\\u00" + HEX.charAt(character >> 4) + HEX.charAt(character & 15);
        builder.empty(builder.literal(from, escaped), to);
    }

    /** Where any character may stand it may also be written as {@code /} or by its number, in pairs of surrogates too. */
    private void numbered(int from, int to) {
        builder.empty(builder.literal(from, "\\/"), to);
        int number = builder.literal(from, "\\u");
        hex(number, to, "0-c", "0-f", "0-f", "0-f");
        hex(number, to, "d", "0-7", "0-f", "0-f");
        hex(number, to, "e-f", "0-f", "0-f", "0-f");
        int pair = builder.node();
        hex(number, pair, "d", "8-b", "0-f", "0-f");
        hex(builder.literal(pair, "\\u"), to, "d", "c-f", "0-f", "0-f");
    }

    private void hex(int from, int to, String... digits) {
        int at = from;
        for (int i = 0; i < digits.length; i++) {
            int next = i == digits.length - 1 ? to : builder.node();
            int last = HEX.indexOf(digits[i].charAt(digits[i].length() - 1));
            for (int digit = HEX.indexOf(digits[i].charAt(0)); digit <= last; digit++) {
                char lower = HEX.charAt(digit);
                builder.bytes(at, lower, lower, next);
                if (digit > 9) {
                    builder.bytes(at, Character.toUpperCase(lower), Character.toUpperCase(lower), next);
                }
            }
            at = next;
        }
    }

    private void utf8(int from, int first, int last, int to) {
        int start = first;
        for (int limit : new int[] {0x7f, 0x7ff, 0xffff, Character.MAX_CODE_POINT}) {
            if (start <= limit && start <= last) {
                byte[] low = Character.toString(start).getBytes(StandardCharsets.UTF_8);
                byte[] high = Character.toString(Math.min(limit, last)).getBytes(StandardCharsets.UTF_8);
                between(from, low, high, 0, to);
                start = limit + 1;
            }
        }
    }

    /** Sequences of bytes from the i-th on, between two of the same length. */
    private void between(int from, byte[] low, byte[] high, int i, int to) {
        int first = low[i] & 0xff;
        int last = high[i] & 0xff;
        if (i == low.length - 1) {
            builder.bytes(from, first, last, to);
            return;
        }
        if (first == last) {
            int next = builder.node();
            builder.bytes(from, first, first, next);
            between(next, low, high, i + 1, to);
            return;
        }
        byte[] highest = filled(low, i, 0xbf);
        byte[] lowest = filled(high, i, 0x80);
        if (!Arrays.equals(low, filled(low, i, 0x80))) {
            int next = builder.node();
            builder.bytes(from, first, first, next);
            between(next, low, highest, i + 1, to);
            first++;
        }
        if (!Arrays.equals(high, filled(high, i, 0xbf))) {
            int next = builder.node();
            builder.bytes(from, last, last, next);
            between(next, lowest, high, i + 1, to);
            last--;
        }
        if (first <= last) {
            int next = builder.node();
            builder.bytes(from, first, last, next);
            between(next, filled(low, i, 0x80), filled(low, i, 0xbf), i + 1, to);
        }
    }

    /** The same with this byte everywhere behind the i-th. */
    private static byte[] filled(byte[] bytes, int i, int value) {
        byte[] copy = bytes.clone();
        Arrays.fill(copy, i + 1, copy.length, (byte) value);
        return copy;
    }
}
