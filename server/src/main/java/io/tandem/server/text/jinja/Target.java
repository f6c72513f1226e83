package io.tandem.server.text.jinja;

import java.util.List;

/**
 * Variables that get a value.
 *
 * @param tuple whether the value is taken apart
 */
record Target(List<String> names, boolean tuple) {
    void set(Scope scope, Object value) {
        if (!tuple) {
            scope.set(names.get(0), value);
            return;
        }
        List<Object> parts = Values.list(scope.budget(), value);
        if (parts.size() != names.size()) {
            throw new TemplateException((parts.size() < names.size() ? "not enough" : "too many")
                    + " values to unpack (expected " + names.size() + ")");
        }
        for (int i = 0; i < parts.size(); i++) {
            scope.set(names.get(i), parts.get(i));
        }
    }
}
