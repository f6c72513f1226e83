package io.tandem.server.text.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Variables at a place of a template, and where it writes. Loops, macros and {@code with} have scopes of their own. */
final class Scope {
    private final @Nullable Scope outer;
    private final Map<String, Object> variables = new HashMap<>();
    private final Budget budget;
    private final StringBuilder out;

    private Scope(@Nullable Scope outer, Budget budget, StringBuilder out) {
        this.outer = outer;
        this.budget = budget;
        this.out = out;
    }

    static Scope of(Map<String, Object> variables, Budget budget) {
        Scope scope = new Scope(null, budget, new StringBuilder());
        scope.variables.putAll(variables);
        return scope;
    }

    /** A scope inside this one that writes to the same place. */
    Scope inner() {
        return new Scope(this, budget, out);
    }

    /** A scope inside this one whose output is a text of its own. */
    Scope capturing() {
        return new Scope(this, budget, new StringBuilder());
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return Undefined.variable(name);
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    void write(String text) {
        budget.make(text.length());
        out.append(text);
    }

    String written() {
        return out.toString();
    }

    Budget budget() {
        return budget;
    }
}
