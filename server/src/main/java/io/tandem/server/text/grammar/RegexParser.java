package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.Regex.Begin;
import io.tandem.server.text.grammar.Regex.Chars;
import io.tandem.server.text.grammar.Regex.End;
import io.tandem.server.text.grammar.Regex.InTurn;
import io.tandem.server.text.grammar.Regex.OneOf;
import io.tandem.server.text.grammar.Regex.Repeat;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the regular part of ECMAScript's expressions, which is most of Java's and Python's too. Look-around,
 * back-references, word boundaries, flags and Unicode properties are refused by name.
 */
final class RegexParser {
    private static final int MAX_CHARS = 16_384;
    private static final int MAX_GROUPS = 200;
    private static final int MAX_COUNT = 10_000;
    private static final CharSet DIGITS = CharSet.of('0', '9');
    private static final CharSet WORD = CharSet.of('0', '9', 'A', 'Z', 'a', 'z', '_', '_');
    private static final CharSet SPACE = CharSet.of(
            '\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f,
            0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff);
    private static final CharSet DOT =
            CharSet.of('\n', '\n', '\r', '\r', 0x2028, 0x2029).complement();

    private final int[] source;
    private int at;
    private int groups;

    private RegexParser(String source) {
        this.source = source.codePoints().toArray();
    }

    /** @throws GrammarException if the expression is wrong or not regular */
    static Regex parse(String source) {
        if (source.length() > MAX_CHARS) {
            throw new GrammarException("", "has an expression of more than " + MAX_CHARS + " characters");
        }
        RegexParser parser = new RegexParser(source);
        Regex whole = parser.alternatives();
        if (parser.at < parser.source.length) {
            throw parser.wrong("a ) that closes nothing");
        }
        return whole;
    }

    private GrammarException wrong(String what) {
        return new GrammarException(
                "",
                "has an expression with " + what + " at character " + (at + 1) + " of "
                        + quoted(new String(source, 0, source.length)));
    }

    private static String quoted(String text) {
        return "'" + (text.length() > 100 ? text.substring(0, 100) + "…" : text) + "'";
    }

    private boolean more() {
        return at < source.length;
    }

    private boolean take(int character) {
        if (more() && source[at] == character) {
            at++;
            return true;
        }
        return false;
    }

    private int next() {
        if (!more()) {
            throw wrong("an unfinished part");
        }
        return source[at++];
    }

    private Regex alternatives() {
        List<Regex> alternatives = new ArrayList<>();
        do {
            alternatives.add(inTurn());
        } while (take('|'));
        return alternatives.size() == 1 ? alternatives.get(0) : new OneOf(List.copyOf(alternatives));
    }

    private Regex inTurn() {
        List<Regex> parts = new ArrayList<>();
        while (more() && source[at] != '|' && source[at] != ')') {
            parts.add(repeated(part()));
        }
        return parts.size() == 1 ? parts.get(0) : new InTurn(List.copyOf(parts));
    }

    private Regex repeated(Regex part) {
        if (!more()) {
            return part;
        }
        int least;
        int most;
        int start = at;
        if (take('*')) {
            least = 0;
            most = Regex.UNBOUNDED;
        } else if (take('+')) {
            least = 1;
            most = Regex.UNBOUNDED;
        } else if (take('?')) {
            least = 0;
            most = 1;
        } else if (source[at] == '{') {
            at++;
            int[] counts = counts();
            if (counts.length == 0) {
                // As in ECMAScript without its u flag, a brace that counts nothing is a brace.
                at = start;
                return part;
            }
            least = counts[0];
            most = counts[1];
        } else {
            return part;
        }
        // Whether it prefers few or many changes nothing in what it matches.
        if (!take('?') && more() && (source[at] == '+' || source[at] == '*')) {
            throw wrong("a possessive or doubled quantifier, which is not supported,");
        }
        return new Repeat(part, least, most);
    }

    /** What stands between braces; nothing if it is no count. */
    private int[] counts() {
        int least = number();
        int most = least;
        if (least >= 0 && take(',')) {
            most = more() && source[at] == '}' ? Regex.UNBOUNDED : number();
            if (most < 0 && source[Math.min(at, source.length - 1)] != '}') {
                return new int[0];
            }
        }
        if (least < 0 || !take('}')) {
            return new int[0];
        }
        if (least > MAX_COUNT || most > MAX_COUNT) {
            throw wrong("a count of more than " + MAX_COUNT);
        }
        if (most != Regex.UNBOUNDED && most < least) {
            throw wrong("a count whose largest number is below its smallest");
        }
        return new int[] {least, most};
    }

    private int number() {
        int start = at;
        int value = 0;
        while (more() && source[at] >= '0' && source[at] <= '9') {
            value = Math.min(MAX_COUNT + 1, 10 * value + source[at++] - '0');
        }
        return at == start ? -1 : value;
    }

    private Regex part() {
        int character = next();
        return switch (character) {
            case '(' -> group();
            case '[' -> new Chars(RegexClass.parse(this));
            case '.' -> new Chars(DOT);
            case '^' -> new Begin();
            case '$' -> new End();
            case '\\' -> new Chars(escape(false));
            case '*', '+', '?' -> {
                at--;
                throw wrong("a quantifier behind nothing");
            }
            default -> new Chars(single(character));
        };
    }

    private Regex group() {
        if (++groups > MAX_GROUPS) {
            throw wrong("more than " + MAX_GROUPS + " groups");
        }
        if (take('?')) {
            skipGroupKind();
        }
        Regex inside = alternatives();
        if (!take(')')) {
            throw wrong("a group that is not closed");
        }
        return inside;
    }

    private void skipGroupKind() {
        if (take(':')) {
            return;
        }
        take('P');
        if (take('<')) {
            if (more() && (source[at] == '=' || source[at] == '!')) {
                throw wrong("look-behind, which is not supported,");
            }
            while (next() != '>') {
                // The name of a group means nothing here.
            }
            return;
        }
        throw wrong(
                more() && (source[at] == '=' || source[at] == '!')
                        ? "look-ahead, which is not supported,"
                        : "flags or a group of a kind that is not supported,");
    }

    /** @param inClass whether it stands in brackets, where \\b is a backspace */
    CharSet escape(boolean inClass) {
        int character = next();
        return switch (character) {
            case 'd' -> DIGITS;
            case 'D' -> DIGITS.complement();
            case 'w' -> WORD;
            case 'W' -> WORD.complement();
            case 's' -> SPACE;
            case 'S' -> SPACE.complement();
            case 't' -> single('\t');
            case 'n' -> single('\n');
            case 'r' -> single('\r');
            case 'f' -> single('\f');
            case 'v' -> single(0x0b);
            case '0' -> single(0);
            case 'x' -> single(hex(2));
            case 'u' -> single(unicode());
            case 'b' -> {
                if (!inClass) {
                    throw wrong("a word boundary, which is not supported,");
                }
                yield single('\b');
            }
            default -> {
                if ((character >= '1' && character <= '9') || character == 'k') {
                    throw wrong("a back-reference, which is not supported,");
                }
                if (Character.isLetter(character)) {
                    throw wrong("the escape \\" + Character.toString(character) + ", which is not supported,");
                }
                yield single(character);
            }
        };
    }

    private int unicode() {
        if (take('{')) {
            int value = 0;
            for (int digit = next(); digit != '}'; digit = next()) {
                value = 16 * value + digit(digit);
                if (value > Character.MAX_CODE_POINT) {
                    throw wrong("a character that does not exist");
                }
            }
            return value;
        }
        int high = hex(4);
        boolean pair = Character.isHighSurrogate((char) high)
                && at + 6 <= source.length
                && source[at] == '\\'
                && source[at + 1] == 'u';
        if (!pair) {
            return high;
        }
        at += 2;
        return Character.toCodePoint((char) high, (char) hex(4));
    }

    private int hex(int digits) {
        int value = 0;
        for (int i = 0; i < digits; i++) {
            value = 16 * value + digit(next());
        }
        return value;
    }

    private int digit(int character) {
        int value = Character.digit(character, 16);
        if (value < 0) {
            throw wrong("an escape without its hexadecimal digits");
        }
        return value;
    }

    private static CharSet single(int character) {
        return CharSet.of(character, character);
    }

    // What RegexClass needs.

    int peek() {
        return more() ? source[at] : -1;
    }

    int read() {
        return next();
    }

    boolean skip(int character) {
        return take(character);
    }

    GrammarException complaint(String what) {
        return wrong(what);
    }
}
