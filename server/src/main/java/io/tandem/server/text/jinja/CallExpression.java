package io.tandem.server.text.jinja;

import java.util.List;
import java.util.Map;

/** A call, for which a call block may bring a further argument. */
record CallExpression(Expression of, Call call) implements Expression {
    @Override
    public Object value(Scope scope) {
        return value(scope, Map.of());
    }

    Object value(Scope scope, Map<String, Object> more) {
        scope.budget().step();
        Object callee = of.value(scope);
        if (callee instanceof Function function) {
            Arguments arguments = call.arguments("function", List.of(), scope);
            arguments.named().putAll(more);
            return function.call(arguments);
        }
        throw callee instanceof Undefined undefined
                ? undefined.error()
                : new TemplateException("'" + Values.typeName(callee) + "' object is not callable");
    }
}
