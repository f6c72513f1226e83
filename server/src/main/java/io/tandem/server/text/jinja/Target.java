package io.tandem.server.text.jinja;

import java.util.List;

/** What gets a value: a variable, or several that share out its parts. */
interface Target {
    void set(Scope scope, Object value);

    static Target variable(String name) {
        return (scope, value) -> scope.set(name, value);
    }

    static Target parts(List<Target> targets) {
        return (scope, value) -> {
            List<Object> parts = Values.list(scope.budget(), value);
            if (parts.size() != targets.size()) {
                throw new TemplateException((parts.size() < targets.size() ? "not enough" : "too many")
                        + " values to unpack (expected " + targets.size() + ")");
            }
            for (int i = 0; i < parts.size(); i++) {
                targets.get(i).set(scope, parts.get(i));
            }
        };
    }
}
