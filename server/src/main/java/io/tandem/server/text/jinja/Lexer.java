package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens, as jinja2's lexer does with {@code trim_blocks} and {@code lstrip_blocks}: a newline after
 * a block is dropped, and so are blanks between the start of a line and a block.
 */
final class Lexer {
    private static final Pattern FLOAT = Pattern.compile(
            "(?:[0-9]+_)*[0-9]+(?:(?:\\.(?:[0-9]+_)*[0-9]+)?[eE][+\\-]?(?:[0-9]+_)*[0-9]+|\\.(?:[0-9]+_)*[0-9]+)");
    private static final Pattern INTEGER =
            Pattern.compile("0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9](?:_?[0-9])*");
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}\\p{M}_]*");
    private static final Pattern OPERATOR = Pattern.compile("\\*\\*|//|==|!=|>=|<=|[-+*/%~<>=.,:|()\\[\\]{};]");
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*[-+]?%\\}");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*([-+]?)%\\}");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private boolean lineStarts = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String source) {
        String unix = source.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        while (at < source.length()) {
            int begin = nextTag();
            if (begin < 0) {
                data(source.substring(at));
                at = source.length();
                break;
            }
            char kind = source.charAt(begin + 1);
            char sign = begin + 2 < source.length() ? source.charAt(begin + 2) : ' ';
            data(before(begin, kind, sign));
            move(begin);
            if (kind == '#') {
                comment();
            } else if (kind == '%'
                    && RAW.matcher(source).region(at, source.length()).lookingAt()) {
                raw();
            } else {
                at += sign == '-' || sign == '+' ? 3 : 2;
                tag(kind == '{');
            }
        }
        add(Kind.END, "");
    }

    private int nextTag() {
        for (int i = source.indexOf('{', at); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            if ("{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return -1;
    }

    /** The text before a tag without the blanks that the tag takes away. */
    private String before(int begin, char kind, char sign) {
        String text = source.substring(at, begin);
        if (sign == '-') {
            return text.stripTrailing();
        }
        int start = text.lastIndexOf('\n') + 1;
        boolean atLineStart = start > 0 || lineStarts;
        return sign != '+'
                        && kind != '{'
                        && atLineStart
                        && text.substring(start).isBlank()
                ? text.substring(0, start)
                : text;
    }

    private void data(String text) {
        if (!text.isEmpty()) {
            add(Kind.DATA, text);
        }
    }

    private void add(Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    private void move(int to) {
        for (int i = at; i < to; i++) {
            line += source.charAt(i) == '\n' ? 1 : 0;
        }
        lineStarts = to > at ? source.charAt(to - 1) == '\n' : lineStarts;
        at = to;
    }

    /** Goes behind the end of a tag and what it takes with it. */
    private void end(int behind, char sign, boolean block) {
        int to = behind;
        if (sign == '-') {
            while (to < source.length() && Character.isWhitespace(source.charAt(to))) {
                to++;
            }
        } else if (block && sign != '+' && to < source.length() && source.charAt(to) == '\n') {
            to++;
        }
        move(to);
    }

    private void comment() {
        int end = source.indexOf("#}", at + 2);
        if (end < 0) {
            throw error("Missing end of comment tag");
        }
        end(end + 2, source.charAt(end - 1), true);
    }

    private void raw() {
        Matcher begin = RAW.matcher(source).region(at, source.length());
        begin.lookingAt();
        end(begin.end(), source.charAt(begin.end() - 3), false);
        Matcher end = END_RAW.matcher(source).region(at, source.length());
        if (!end.find()) {
            throw error("Missing end of raw directive");
        }
        data(before(
                end.start(), '%', end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0)));
        end(end.end(), end.group(2).isEmpty() ? ' ' : end.group(2).charAt(0), true);
    }

    private void tag(boolean variable) {
        add(variable ? Kind.VARIABLE_BEGIN : Kind.BLOCK_BEGIN, "");
        Deque<Character> open = new ArrayDeque<>();
        String end = variable ? "}}" : "%}";
        while (at < source.length()) {
            char c = source.charAt(at);
            boolean signed = (c == '-' || (c == '+' && !variable)) && source.startsWith(end, at + 1);
            if (open.isEmpty() && (signed || source.startsWith(end, at))) {
                add(variable ? Kind.VARIABLE_END : Kind.BLOCK_END, "");
                end(at + (signed ? 3 : 2), signed ? c : ' ', !variable);
                return;
            }
            if (Character.isWhitespace(c)) {
                move(at + 1);
            } else {
                token(c, open);
            }
        }
        throw error("unexpected end of template, expected '" + end + "'");
    }

    private void token(char c, Deque<Character> open) {
        if (c == '"' || c == '\'') {
            string(c);
            return;
        }
        // Behind a dot there are positions: x.0.1 is the second item of the first.
        boolean position = source.charAt(at - 1) == '.';
        if ((position || !match(FLOAT, Kind.FLOAT)) && !match(INTEGER, Kind.INTEGER) && !match(NAME, Kind.NAME)) {
            balance(c, open);
            if (!match(OPERATOR, Kind.OPERATOR)) {
                throw error("unexpected char '" + c + "'");
            }
        }
    }

    private boolean match(Pattern pattern, Kind kind) {
        Matcher matcher = pattern.matcher(source).region(at, source.length());
        if (!matcher.lookingAt()) {
            return false;
        }
        add(kind, matcher.group());
        move(matcher.end());
        return true;
    }

    private void balance(char c, Deque<Character> open) {
        switch (c) {
            case '(' -> open.push(')');
            case '[' -> open.push(']');
            case '{' -> open.push('}');
            case ')', ']', '}' -> {
                if (open.isEmpty() || open.pop() != c) {
                    throw error("unexpected '" + c + "'");
                }
            }
            default -> {}
        }
    }

    private void string(char quote) {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != quote) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw error("unexpected char " + quote);
        }
        add(Kind.STRING, unescaped(source.substring(at + 1, end)));
        move(end + 1);
    }

    private String unescaped(String text) {
        StringBuilder out = new StringBuilder();
        int i = 0;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (c != '\\' || i + 1 == text.length()) {
                out.append(c);
                i++;
                continue;
            }
            char escape = text.charAt(i + 1);
            int digits = switch (escape) {
                case 'x' -> 2;
                case 'u' -> 4;
                case 'U' -> 8;
                default -> 0;
            };
            i += 2;
            if (digits > 0) {
                out.appendCodePoint(hex(text, i, digits));
                i += digits;
            } else if (escape >= '0' && escape <= '7') {
                int value = 0;
                int last = Math.min(text.length(), i + 2);
                for (i--; i < last && text.charAt(i) >= '0' && text.charAt(i) <= '7'; i++) {
                    value = 8 * value + text.charAt(i) - '0';
                }
                out.appendCodePoint(value);
            } else {
                int simple = "\\'\"abfnrtv\n".indexOf(escape);
                out.append(
                        simple < 0
                                ? "\\" + escape
                                : simple == 10 ? "" : String.valueOf("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple)));
            }
        }
        return out.toString();
    }

    private int hex(String text, int from, int digits) {
        try {
            int point = Integer.parseInt(text.substring(from, Math.min(text.length(), from + digits)), 16);
            if (Character.isValidCodePoint(point) && from + digits <= text.length()) {
                return point;
            }
        } catch (NumberFormatException e) {
            // Falls through to the error.
        }
        throw error("truncated or illegal escape in a string");
    }

    private TemplateException error(String message) {
        return new TemplateException("line " + line + ": " + message);
    }
}
