package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.Token.Kind;
import java.util.List;

/** A template's tokens, read from the first to the last. */
final class Tokens {
    private final List<Token> tokens;
    private int at;

    Tokens(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    Token peekBehind() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at += token.kind() == Kind.END ? 0 : 1;
        return token;
    }

    boolean isOperator(String operator) {
        return peek().is(Kind.OPERATOR, operator);
    }

    boolean isName(String name) {
        return peek().is(Kind.NAME, name);
    }

    /** Skips an operator if it is next. */
    boolean skip(String operator) {
        boolean found = isOperator(operator);
        at += found ? 1 : 0;
        return found;
    }

    /** Skips a name if it is next. */
    boolean skipName(String name) {
        boolean found = isName(name);
        at += found ? 1 : 0;
        return found;
    }

    void expect(String operator) {
        if (!skip(operator)) {
            throw unexpected("'" + operator + "'");
        }
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw unexpected("'" + name + "'");
        }
    }

    String name() {
        if (peek().kind() != Kind.NAME) {
            throw unexpected("a name");
        }
        return next().text();
    }

    void expect(Kind kind, String shown) {
        if (peek().kind() != kind) {
            throw unexpected(shown);
        }
        next();
    }

    TemplateException unexpected(String expected) {
        Token token = peek();
        String found = switch (token.kind()) {
            case END -> "the end of the template";
            case VARIABLE_END -> "'}}'";
            case BLOCK_END -> "'%}'";
            default -> "'" + token.text() + "'";
        };
        return error("expected " + expected + ", found " + found);
    }

    TemplateException error(String message) {
        return new TemplateException("line " + peek().line() + ": " + message);
    }
}
