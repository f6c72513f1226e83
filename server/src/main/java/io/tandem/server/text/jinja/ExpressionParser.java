package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Parses expressions by jinja2's grammar; each method is one level of precedence, the loosest first. */
final class ExpressionParser {
    private static final int MAX_DEPTH = 200;
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<Kind> TEST_ARGUMENTS = Set.of(Kind.NAME, Kind.STRING, Kind.INTEGER, Kind.FLOAT);

    private final Tokens tokens;
    private int depth;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
    }

    Expression expression() {
        depth++;
        if (depth > MAX_DEPTH) {
            throw tokens.error("expressions are nested more than " + MAX_DEPTH + " deep");
        }
        Expression expression = conditional();
        depth--;
        return expression;
    }

    /** Expressions with commas between them are a tuple. */
    Expression expressions(boolean conditional) {
        Expression first = conditional ? expression() : or();
        if (!tokens.isOperator(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skip(",")) {
            if (atEnd()) {
                break;
            }
            items.add(conditional ? expression() : or());
        }
        return tuple(items);
    }

    private boolean atEnd() {
        Token next = tokens.peek();
        return next.kind() == Kind.VARIABLE_END || next.kind() == Kind.BLOCK_END || tokens.isOperator(")");
    }

    private static Expression tuple(List<Expression> items) {
        return scope -> new Tuple(values(items, scope));
    }

    private static List<Object> values(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>();
        for (Expression expression : expressions) {
            values.add(expression.value(scope));
        }
        scope.budget().make(values.size());
        return values;
    }

    private Expression conditional() {
        Expression value = or();
        while (tokens.skipName("if")) {
            Expression then = value;
            Expression condition = or();
            Expression otherwise = tokens.skipName("else")
                    ? expression()
                    : scope -> new Undefined(
                            "the inline if-expression evaluated to false and no else section was defined");
            value = scope -> Values.isTrue(condition.value(scope)) ? then.value(scope) : otherwise.value(scope);
        }
        return value;
    }

    private Expression or() {
        Expression left = and();
        while (tokens.skipName("or")) {
            Expression first = left;
            Expression second = and();
            left = scope -> {
                Object value = first.value(scope);
                return Values.isTrue(value) ? value : second.value(scope);
            };
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.skipName("and")) {
            Expression first = left;
            Expression second = not();
            left = scope -> {
                Object value = first.value(scope);
                return Values.isTrue(value) ? second.value(scope) : value;
            };
        }
        return left;
    }

    private Expression not() {
        int times = 0;
        while (tokens.isName("not")) {
            tokens.next();
            times++;
        }
        Expression value = comparison();
        if (times == 0) {
            return value;
        }
        boolean negated = times % 2 == 1;
        return scope -> Values.isTrue(value.value(scope)) != negated;
    }

    /** {@code a < b < c} holds if both do. */
    private Expression comparison() {
        Expression first = sum();
        List<Comparison> comparisons = new ArrayList<>();
        while (true) {
            String operator = comparisonOperator();
            if (operator.isEmpty()) {
                break;
            }
            comparisons.add(new Comparison(operator, sum()));
        }
        if (comparisons.isEmpty()) {
            return first;
        }
        return scope -> {
            Object left = first.value(scope);
            for (Comparison comparison : comparisons) {
                Object right = comparison.right().value(scope);
                if (!comparison.holds(scope.budget(), left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        };
    }

    private String comparisonOperator() {
        Token token = tokens.peek();
        if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
            return tokens.next().text();
        }
        if (tokens.skipName("in")) {
            return "in";
        }
        if (tokens.isName("not") && tokens.peekBehind().is(Kind.NAME, "in")) {
            tokens.next();
            tokens.next();
            return "not in";
        }
        return "";
    }

    private Expression sum() {
        Expression left = concatenation();
        while (tokens.isOperator("+") || tokens.isOperator("-")) {
            left = binary(tokens.next().text(), left, concatenation());
        }
        return left;
    }

    private static Expression binary(String operator, Expression left, Expression right) {
        return scope -> Operators.apply(scope.budget(), operator, left.value(scope), right.value(scope));
    }

    private Expression concatenation() {
        Expression first = product();
        if (!tokens.isOperator("~")) {
            return first;
        }
        List<Expression> parts = new ArrayList<>(List.of(first));
        while (tokens.skip("~")) {
            parts.add(product());
        }
        return scope -> Filters.join(scope.budget(), values(parts, scope), "");
    }

    private Expression product() {
        Expression left = power();
        while (tokens.isOperator("*") || tokens.isOperator("/") || tokens.isOperator("//") || tokens.isOperator("%")) {
            left = binary(tokens.next().text(), left, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (tokens.skip("**")) {
            left = binary("**", left, unary(true));
        }
        return left;
    }

    private Expression unary(boolean filtered) {
        int minuses = 0;
        boolean signed = false;
        while (tokens.isOperator("-") || tokens.isOperator("+")) {
            minuses += tokens.next().text().equals("-") ? 1 : 0;
            signed = true;
        }
        Expression value = postfix(primary());
        if (signed) {
            Expression positive = value;
            boolean negative = minuses % 2 == 1;
            value = scope -> {
                Object number = Operators.negate(positive.value(scope));
                return negative ? number : Operators.negate(number);
            };
            value = postfix(value);
        }
        return filtered ? filtersAndTests(value) : value;
    }

    private Expression primary() {
        Token token = tokens.next();
        return switch (token.kind()) {
            case NAME -> named(token.text());
            case STRING -> text(token);
            case INTEGER -> constant(integer(token));
            case FLOAT -> constant(Double.parseDouble(token.text().replace("_", "")));
            case OPERATOR -> bracket(token);
            default -> throw unexpected(token);
        };
    }

    /** Strings that follow one another are one. */
    private Expression text(Token first) {
        StringBuilder text = new StringBuilder(first.text());
        while (tokens.peek().kind() == Kind.STRING) {
            text.append(tokens.next().text());
        }
        return constant(text.toString());
    }

    private Expression bracket(Token token) {
        return switch (token.text()) {
            case "(" -> parenthesized();
            case "[" -> {
                List<Expression> items = items("]");
                yield scope -> values(items, scope);
            }
            case "{" -> dict();
            default -> throw unexpected(token);
        };
    }

    private static TemplateException unexpected(Token token) {
        return new TemplateException("line " + token.line() + ": unexpected "
                + (token.text().isEmpty() ? "end of the expression" : "'" + token.text() + "'"));
    }

    private static Expression constant(Object value) {
        return scope -> value;
    }

    private static Expression named(String name) {
        return switch (name) {
            case "true", "True" -> constant(true);
            case "false", "False" -> constant(false);
            case "none", "None" -> constant(None.NONE);
            default -> scope -> scope.get(name);
        };
    }

    private Object integer(Token token) {
        String digits = token.text().replace("_", "");
        try {
            return Long.decode(digits.matches("0[bB].*|0[oO].*") || digits.matches("0[0-9]+") ? "x" : digits);
        } catch (NumberFormatException e) {
            if (digits.matches("0[bB][01]{1,62}")) {
                return Long.parseLong(digits.substring(2), 2);
            }
            if (digits.matches("0[oO][0-7]{1,20}")) {
                return Long.parseLong(digits.substring(2), 8);
            }
            throw tokens.error("the number " + digits + " cannot be used");
        }
    }

    private Expression parenthesized() {
        if (tokens.skip(")")) {
            return tuple(List.of());
        }
        Expression value = expressions(true);
        tokens.expect(")");
        return value;
    }

    private List<Expression> items(String end) {
        List<Expression> items = new ArrayList<>();
        while (!tokens.skip(end)) {
            if (!items.isEmpty()) {
                tokens.expect(",");
                if (tokens.skip(end)) {
                    break;
                }
            }
            items.add(expression());
        }
        return items;
    }

    private Expression dict() {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.skip("}")) {
            if (!keys.isEmpty()) {
                tokens.expect(",");
                if (tokens.skip("}")) {
                    break;
                }
            }
            keys.add(expression());
            tokens.expect(":");
            values.add(expression());
        }
        return scope -> {
            scope.budget().make(keys.size());
            Map<Object, Object> dict = new LinkedHashMap<>();
            for (int i = 0; i < keys.size(); i++) {
                dict.put(Values.key(keys.get(i).value(scope)), values.get(i).value(scope));
            }
            return dict;
        };
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            Expression of = value;
            if (tokens.skip(".")) {
                Token member = tokens.next();
                if (member.kind() == Kind.NAME) {
                    String name = member.text();
                    value = scope -> Members.attribute(scope.budget(), of.value(scope), name);
                } else if (member.kind() == Kind.INTEGER) {
                    Object index = integer(member);
                    value = scope -> Members.item(scope.budget(), of.value(scope), index);
                } else {
                    throw tokens.error("expected a name or number behind '.'");
                }
            } else if (tokens.skip("[")) {
                value = subscript(of);
            } else if (tokens.isOperator("(")) {
                value = call(of);
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression of) {
        Expression none = constant(None.NONE);
        Expression start = tokens.isOperator(":") ? none : expressions(true);
        if (tokens.skip("]")) {
            return scope -> Members.item(scope.budget(), of.value(scope), start.value(scope));
        }
        tokens.expect(":");
        Expression stop = tokens.isOperator(":") || tokens.isOperator("]") ? none : expression();
        Expression step = tokens.skip(":") && !tokens.isOperator("]") ? expression() : none;
        tokens.expect("]");
        return scope ->
                Values.slice(scope.budget(), of.value(scope), start.value(scope), stop.value(scope), step.value(scope));
    }

    private Expression call(Expression of) {
        return new CallExpression(of, arguments());
    }

    /** From the bracket on. */
    Call arguments() {
        tokens.expect("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        Expression more = null;
        Expression moreNamed = null;
        boolean first = true;
        while (!tokens.skip(")")) {
            if (!first) {
                tokens.expect(",");
                if (tokens.skip(")")) {
                    break;
                }
            }
            first = false;
            if (tokens.skip("*")) {
                more = expression();
            } else if (tokens.skip("**")) {
                moreNamed = expression();
            } else if (tokens.peek().kind() == Kind.NAME && tokens.peekBehind().is(Kind.OPERATOR, "=")) {
                String name = tokens.name();
                tokens.expect("=");
                named.put(name, expression());
            } else {
                positional.add(expression());
            }
        }
        return new Call(positional, named, more, moreNamed);
    }

    private Expression filtersAndTests(Expression start) {
        Expression value = start;
        while (true) {
            if (tokens.skip("|")) {
                value = filter(value);
            } else if (tokens.skipName("is")) {
                value = test(value);
            } else if (tokens.isOperator("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    /** From the filter's name on. */
    Expression filter(Expression value) {
        String name = dotted();
        if (!Filters.exists(name)) {
            throw tokens.error("No filter named '" + name + "'.");
        }
        Call call = tokens.isOperator("(") ? arguments() : Call.NONE;
        return scope -> Filters.apply(scope.budget(), name, call.arguments(name, List.of(value.value(scope)), scope));
    }

    private String dotted() {
        StringBuilder name = new StringBuilder(tokens.name());
        while (tokens.skip(".")) {
            name.append('.').append(tokens.name());
        }
        return name.toString();
    }

    private Expression test(Expression value) {
        boolean negated = tokens.skipName("not");
        String name = dotted();
        if (!Tests.exists(name)) {
            throw tokens.error("No test named '" + name + "'.");
        }
        Call call = testArguments();
        return scope ->
                Tests.holds(scope.budget(), name, call.arguments(name, List.of(value.value(scope)), scope)) != negated;
    }

    /** A test may have one argument without brackets. */
    private Call testArguments() {
        if (tokens.isOperator("(")) {
            return arguments();
        }
        Token next = tokens.peek();
        boolean bracket = tokens.isOperator("[") || tokens.isOperator("{");
        boolean keyword = next.kind() == Kind.NAME
                && Set.of("else", "or", "and", "if", "is", "not", "in").contains(next.text());
        if (keyword || !(bracket || TEST_ARGUMENTS.contains(next.kind()))) {
            return Call.NONE;
        }
        return new Call(List.of(postfix(primary())), Map.of(), null, null);
    }
}
