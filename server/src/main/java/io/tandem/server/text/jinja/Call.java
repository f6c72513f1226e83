package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Arguments as they stand in a template. */
record Call(
        List<Expression> positional,
        Map<String, Expression> named,
        @Nullable Expression more,
        @Nullable Expression moreNamed) {
    static final Call NONE = new Call(List.of(), Map.of(), null, null);

    Arguments arguments(String callee, List<Object> first, Scope scope) {
        List<Object> values = new ArrayList<>(first);
        positional.forEach(argument -> values.add(argument.value(scope)));
        if (more != null) {
            values.addAll(Values.list(scope.budget(), more.value(scope)));
        }
        Map<String, Object> byName = new LinkedHashMap<>();
        named.forEach((name, argument) -> byName.put(name, argument.value(scope)));
        if (moreNamed != null && moreNamed.value(scope) instanceof Map<?, ?> map) {
            map.forEach((name, value) -> byName.put(Text.of(scope.budget(), name), value));
        }
        return new Arguments(callee, values, byName);
    }
}
