package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code {% macro %}}, which is called like a function and gives the text that it writes.
 *
 * @param defaults of the parameters that have one
 */
record Macro(String name, List<String> parameters, List<@Nullable Expression> defaults, List<Statement> body) {
    /** In a macro that a call block calls: writes the block's body. */
    static final String CALLER = "caller";

    Macro with(List<Statement> otherBody) {
        return new Macro(name, parameters, defaults, otherBody);
    }

    /** The macro as a value; it sees the variables of the place where it stands. */
    Function in(Scope scope) {
        return arguments -> call(scope, arguments);
    }

    private String call(Scope scope, Arguments arguments) {
        Scope inner = scope.capturing();
        Map<String, Object> named = new LinkedHashMap<>(arguments.named());
        for (int i = 0; i < parameters.size(); i++) {
            String parameter = parameters.get(i);
            Object given =
                    i < arguments.positional().size() ? arguments.positional().get(i) : named.remove(parameter);
            Expression absent = defaults.get(i);
            inner.set(
                    parameter,
                    given != null
                            ? given
                            : absent == null
                                    ? new Undefined("parameter '" + parameter + "' was not provided")
                                    : absent.value(inner));
        }
        Object caller = named.remove(CALLER);
        if (caller != null) {
            inner.set(CALLER, caller);
        }
        int given = arguments.positional().size();
        inner.set(
                "varargs",
                new Tuple(new ArrayList<>(arguments.positional().subList(Math.min(given, parameters.size()), given))));
        inner.set("kwargs", new LinkedHashMap<Object, Object>(named));
        scope.budget().enter();
        Statement.run(body, inner);
        scope.budget().leave();
        return inner.written();
    }
}
