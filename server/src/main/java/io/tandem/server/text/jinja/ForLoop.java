package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code {% for %}}.
 *
 * @param condition which items there are, if not all
 * @param otherwise what is rendered if there is none
 */
record ForLoop(
        Target target,
        Expression items,
        @Nullable Expression condition,
        boolean recursive,
        List<Statement> body,
        List<Statement> otherwise)
        implements Statement {
    private static final String LOOP = "loop";
    private static final int MAX_DEPTH = 100;

    @Override
    public Flow run(Scope scope) {
        return run(scope, items.value(scope), 0);
    }

    private Flow run(Scope scope, Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw new TemplateException.LimitExceeded("calls a loop within itself more than " + MAX_DEPTH + " deep");
        }
        List<Object> chosen = chosen(scope, value);
        if (chosen.isEmpty()) {
            return Statement.run(otherwise, scope.inner());
        }
        Loop loop =
                new Loop(scope.budget(), chosen, depth, recursive ? arguments -> again(scope, arguments, depth) : null);
        for (int i = 0; i < chosen.size(); i++) {
            scope.budget().step();
            loop.at(i);
            Scope inner = scope.inner();
            inner.set(LOOP, loop);
            target.set(inner, chosen.get(i));
            if (Statement.run(body, inner) == Flow.BREAK) {
                break;
            }
        }
        return Flow.NORMAL;
    }

    private List<Object> chosen(Scope scope, Object value) {
        List<Object> all = Values.list(scope.budget(), value);
        if (condition == null) {
            return all;
        }
        List<Object> chosen = new ArrayList<>();
        for (Object item : all) {
            Scope inner = scope.inner();
            target.set(inner, item);
            if (Values.isTrue(condition.value(inner))) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private Object again(Scope scope, Arguments arguments, int depth) {
        Scope inner = scope.capturing();
        run(inner, arguments.get(0, "items"), depth + 1);
        return inner.written();
    }
}
