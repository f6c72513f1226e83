package io.tandem.server.text.grammar;

import java.util.ArrayList;
import java.util.List;

/** Reads what stands between brackets. */
final class RegexClass {
    private RegexClass() {}

    /** @param parser behind the opening bracket */
    static CharSet parse(RegexParser parser) {
        boolean negated = parser.skip('^');
        List<CharSet> sets = new ArrayList<>();
        while (!parser.skip(']')) {
            if (parser.peek() < 0) {
                throw parser.complaint("brackets that are not closed");
            }
            CharSet first = item(parser);
            if (parser.peek() == '-') {
                parser.read();
                sets.add(parser.peek() == ']' ? first.or(CharSet.of('-', '-')) : range(parser, first));
            } else {
                sets.add(first);
            }
        }
        CharSet set = CharSet.union(sets);
        return negated ? set.complement() : set;
    }

    private static CharSet range(RegexParser parser, CharSet first) {
        CharSet last = item(parser);
        if (!isSingle(first) || !isSingle(last)) {
            // As in [\w-.], where the hyphen cannot mean a range.
            return first.or(last).or(CharSet.of('-', '-'));
        }
        int from = first.ranges().get(0).first();
        int to = last.ranges().get(0).first();
        if (from > to) {
            throw parser.complaint("a range whose end comes before its beginning");
        }
        return CharSet.of(from, to);
    }

    private static CharSet item(RegexParser parser) {
        int character = parser.read();
        return character == '\\' ? parser.escape(true) : CharSet.of(character, character);
    }

    private static boolean isSingle(CharSet set) {
        return set.ranges().size() == 1
                && set.ranges().get(0).first() == set.ranges().get(0).last();
    }
}
