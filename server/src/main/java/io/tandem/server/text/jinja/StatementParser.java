package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.Statement.Flow;
import io.tandem.server.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses a template's texts and tags. */
final class StatementParser {
    private static final Set<String> CONSTANTS = Set.of("true", "True", "false", "False", "none", "None");

    private static final int MAX_DEPTH = 100;

    private final Tokens tokens;
    private final ExpressionParser expressions;
    private int depth;

    StatementParser(List<Token> tokens) {
        this.tokens = new Tokens(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    List<Statement> template() {
        List<Statement> body = body(Set.of());
        if (tokens.peek().kind() != Kind.END) {
            throw tokens.unexpected("the end of the template");
        }
        return body;
    }

    /** Up to a tag with one of these names, of which the name is next. */
    private List<Statement> body(Set<String> ends) {
        depth++;
        if (depth > MAX_DEPTH) {
            throw tokens.error("tags are nested more than " + MAX_DEPTH + " deep");
        }
        List<Statement> body = new ArrayList<>();
        boolean ended = false;
        while (!ended && tokens.peek().kind() != Kind.END) {
            Token token = tokens.next();
            switch (token.kind()) {
                case DATA -> body.add(text(token.text()));
                case VARIABLE_BEGIN -> body.add(print());
                default -> {
                    ended = ends.contains(tokens.peek().text());
                    if (!ended) {
                        body.add(tag());
                    }
                }
            }
        }
        if (!ended && !ends.isEmpty()) {
            throw tokens.unexpected(
                    "'" + String.join("' or '", ends.stream().sorted().toList()) + "'");
        }
        depth--;
        return body;
    }

    private static Statement text(String text) {
        return scope -> {
            scope.write(text);
            return Flow.NORMAL;
        };
    }

    private Statement print() {
        Expression value = expressions.expressions(true);
        tokens.expect(Kind.VARIABLE_END, "'}}'");
        return scope -> {
            scope.write(Text.of(scope.budget(), value.value(scope)));
            return Flow.NORMAL;
        };
    }

    private void end() {
        tokens.expect(Kind.BLOCK_END, "'%}'");
    }

    private List<Statement> bodyUpTo(String end) {
        List<Statement> body = body(Set.of(end));
        tokens.next();
        return body;
    }

    private Statement tag() {
        String name = tokens.name();
        Statement statement = switch (name) {
            case "if" -> condition();
            case "for" -> loop();
            case "set" -> set();
            case "macro" -> macro();
            case "call" -> callBlock();
            case "filter" -> filterBlock();
            case "with" -> with();
            case "generation" -> generation();
            case "break" -> scope -> Flow.BREAK;
            case "continue" -> scope -> Flow.CONTINUE;
            default -> throw tokens.error("the tag '" + name + "' cannot be used in a chat template");
        };
        end();
        return statement;
    }

    private record Branch(Expression condition, List<Statement> body) {}

    private Statement condition() {
        List<Branch> branches = new ArrayList<>();
        List<Statement> otherwise = List.of();
        do {
            Expression condition = expressions.expressions(false);
            end();
            branches.add(new Branch(condition, body(Set.of("elif", "else", "endif"))));
        } while (tokens.skipName("elif"));
        if (tokens.skipName("else")) {
            end();
            otherwise = body(Set.of("endif"));
        }
        tokens.expectName("endif");
        List<Statement> last = otherwise;
        return scope -> {
            for (Branch branch : branches) {
                if (Values.isTrue(branch.condition().value(scope))) {
                    return Statement.run(branch.body(), scope);
                }
            }
            return Statement.run(last, scope);
        };
    }

    private Statement loop() {
        Target target = target();
        tokens.expectName("in");
        // The word if begins the loop's condition, not a conditional expression.
        Expression items = expressions.expressions(false);
        Expression condition = tokens.skipName("if") ? expressions.expression() : null;
        boolean recursive = tokens.skipName("recursive");
        end();
        List<Statement> body = body(Set.of("else", "endfor"));
        List<Statement> otherwise = List.of();
        if (tokens.skipName("else")) {
            end();
            otherwise = body(Set.of("endfor"));
        }
        tokens.expectName("endfor");
        return new ForLoop(target, items, condition, recursive, body, otherwise);
    }

    /** What gets a value: {@code a}, {@code a, b} or {@code (a, b), c}. */
    private Target target() {
        List<Target> targets = new ArrayList<>();
        boolean tuple = false;
        do {
            if (!targets.isEmpty()
                    && !tokens.peek().is(Kind.OPERATOR, "(")
                    && tokens.peek().kind() != Kind.NAME) {
                tuple = true;
                break;
            }
            if (tokens.skip("(")) {
                targets.add(target());
                tokens.expect(")");
            } else {
                targets.add(Target.variable(variable()));
            }
        } while (tokens.skip(","));
        return tuple || targets.size() > 1 ? Target.parts(targets) : targets.get(0);
    }

    private String variable() {
        String name = tokens.name();
        if (CONSTANTS.contains(name)) {
            throw new TemplateException("can't assign to '" + name + "'");
        }
        return name;
    }

    private Statement set() {
        if (tokens.peek().kind() == Kind.NAME && tokens.peekBehind().is(Kind.OPERATOR, ".")) {
            return setAttribute();
        }
        Target target = target();
        if (tokens.skip("=")) {
            Expression value = expressions.expressions(true);
            return scope -> {
                target.set(scope, value.value(scope));
                return Flow.NORMAL;
            };
        }
        Expression captured = captured("endset", false);
        return scope -> {
            target.set(scope, captured.value(scope));
            return Flow.NORMAL;
        };
    }

    private Statement setAttribute() {
        String name = tokens.name();
        tokens.expect(".");
        String attribute = tokens.name();
        Expression value;
        if (tokens.skip("=")) {
            value = expressions.expressions(true);
        } else {
            value = captured("endset", false);
        }
        return scope -> {
            if (!(scope.get(name) instanceof Namespace namespace)) {
                throw new TemplateException("cannot assign attribute on non-namespace object");
            }
            Object made = value.value(scope);
            scope.budget().make(1);
            namespace.attributes().put(attribute, made);
            return Flow.NORMAL;
        };
    }

    /**
     * What a body writes, through the filters that its tag names.
     *
     * @param filtered whether a filter's name is next, without a bar before it
     */
    private Expression captured(String end, boolean filtered) {
        List<Statement> body = new ArrayList<>();
        Expression value = scope -> {
            Scope inner = scope.capturing();
            Statement.run(body, inner);
            return inner.written();
        };
        for (boolean more = filtered || tokens.skip("|"); more; more = tokens.skip("|")) {
            value = expressions.filter(value);
        }
        end();
        body.addAll(bodyUpTo(end));
        return value;
    }

    private Statement filterBlock() {
        Expression filtered = captured("endfilter", true);
        return scope -> {
            scope.write(Text.of(scope.budget(), filtered.value(scope)));
            return Flow.NORMAL;
        };
    }

    private Statement macro() {
        Macro head = macroHead(tokens.name());
        end();
        Macro macro = head.with(bodyUpTo("endmacro"));
        return scope -> {
            scope.set(macro.name(), macro.in(scope));
            return Flow.NORMAL;
        };
    }

    /** A macro without its body. */
    private Macro macroHead(String name) {
        List<String> parameters = new ArrayList<>();
        List<@Nullable Expression> defaults = new ArrayList<>();
        if (tokens.skip("(")) {
            while (!tokens.skip(")")) {
                if (!parameters.isEmpty()) {
                    tokens.expect(",");
                }
                parameters.add(tokens.name());
                defaults.add(tokens.skip("=") ? expressions.expression() : null);
            }
        }
        return new Macro(name, parameters, defaults, List.of());
    }

    private Statement callBlock() {
        Macro head = macroHead(Macro.CALLER);
        if (!(expressions.expression() instanceof CallExpression call)) {
            throw tokens.error("expected a call");
        }
        end();
        Macro caller = head.with(bodyUpTo("endcall"));
        return scope -> {
            Object written = call.value(scope, Map.of(Macro.CALLER, caller.in(scope)));
            scope.write(Text.of(scope.budget(), written));
            return Flow.NORMAL;
        };
    }

    private Statement with() {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (tokens.peek().kind() != Kind.BLOCK_END) {
            if (!targets.isEmpty()) {
                tokens.expect(",");
            }
            targets.add(Target.variable(variable()));
            tokens.expect("=");
            values.add(expressions.expression());
        }
        end();
        List<Statement> body = bodyUpTo("endwith");
        return scope -> {
            Scope inner = scope.inner();
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).set(inner, values.get(i).value(scope));
            }
            return Statement.run(body, inner);
        };
    }

    /** Marks what the model is to say; it is rendered like everything else. */
    private Statement generation() {
        end();
        List<Statement> body = bodyUpTo("endgeneration");
        return scope -> Statement.run(body, scope.inner());
    }
}
