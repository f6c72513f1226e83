package io.tandem.server.text;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.util.ForLoop;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELContext;
import org.jspecify.annotations.Nullable;

/**
 * What a template may do with a value: Python's ways with texts, lists and dicts, and nothing of Java. Nothing here uses
 * reflection, so a value of any other kind has no properties and no methods, however a template came by it.
 */
final class PythonValues extends CompositeELResolver {
    @Override
    public @Nullable Object getValue(ELContext context, @Nullable Object base, @Nullable Object property) {
        TemplateSandbox.budget().step();
        context.setPropertyResolved(true);
        String name = String.valueOf(property);
        if (base instanceof Map<?, ?> map) {
            return map.get(name);
        }
        if (base instanceof List<?> list) {
            int index = index(name, list.size());
            return index < 0 ? null : list.get(index);
        }
        if (base instanceof Object[] array) {
            int index = index(name, array.length);
            return index < 0 ? null : array[index];
        }
        if (base instanceof CharSequence text) {
            int index = index(name, text.length());
            return index < 0 ? null : String.valueOf(text.charAt(index));
        }
        if (base instanceof Map.Entry<?, ?> entry) {
            return switch (name) {
                case "0", "key" -> entry.getKey();
                case "1", "value" -> entry.getValue();
                default -> null;
            };
        }
        return base instanceof ForLoop loop ? loop(loop, name) : null;
    }

    /** Of an item, counted from the end if it is negative; -1 if there is none. */
    private static int index(String name, int size) {
        if (!name.matches("-?[0-9]{1,9}")) {
            return -1;
        }
        int index = Integer.parseInt(name);
        int fromStart = index < 0 ? index + size : index;
        return fromStart < size ? Math.max(-1, fromStart) : -1;
    }

    private static @Nullable Object loop(ForLoop loop, String name) {
        return switch (name) {
            case "index" -> loop.getIndex();
            case "index0" -> loop.getIndex0();
            case "revindex" -> loop.getRevindex();
            case "revindex0" -> loop.getRevindex0();
            case "first" -> loop.isFirst();
            case "last" -> loop.isLast();
            case "length" -> loop.getLength();
            default -> null;
        };
    }

    @Override
    public @Nullable Object invoke(
            ELContext context,
            @Nullable Object base,
            @Nullable Object method,
            Class<?> @Nullable [] types,
            Object @Nullable [] arguments) {
        RenderBudget budget = TemplateSandbox.budget();
        budget.step();
        context.setPropertyResolved(true);
        Object[] given = arguments == null ? new Object[0] : arguments;
        Arrays.stream(given).forEach(budget::requireSmall);
        String name = String.valueOf(method);
        if (base instanceof Filter filter) {
            return filter(budget, filter, given);
        }
        if (base instanceof ExpTest test) {
            return test(test, name, given);
        }
        Object result = null;
        if (base instanceof CharSequence text) {
            result = PythonStrings.call(budget, text.toString(), name, given);
        } else if (base instanceof Map<?, ?> map) {
            result = call(map, name, given);
        }
        if (result == null && base != null && !(base instanceof Map && name.equals("get"))) {
            throw new TemplateRefusal("it calls " + JsonFile.excerpt(name) + "(), which templates may not call here");
        }
        return result;
    }

    private static @Nullable Object call(Map<?, ?> map, String method, Object[] arguments) {
        return switch (method) {
            case "get" -> {
                Object value = arguments.length == 0 ? null : map.get(arguments[0]);
                yield value == null && arguments.length > 1 ? arguments[1] : value;
            }
            case "items" ->
                map.entrySet().stream()
                        .map(entry -> Arrays.asList(entry.getKey(), entry.getValue()))
                        .toList();
            case "keys" -> List.copyOf(map.keySet());
            case "values" -> Arrays.asList(map.values().toArray());
            default -> null;
        };
    }

    /** The engine calls filters with the value, itself, positional and named arguments. */
    @SuppressWarnings("unchecked")
    private static @Nullable Object filter(RenderBudget budget, Filter filter, Object[] given) {
        if (given.length != 4 || !(given[2] instanceof Object[] positional) || !(given[3] instanceof Map<?, ?> named)) {
            throw new TemplateRefusal("it calls a filter by a method");
        }
        Arrays.stream(positional).forEach(budget::requireSmall);
        named.values().forEach(budget::requireSmall);
        return filter.filter(given[0], JinjavaInterpreter.getCurrent(), positional, (Map<String, Object>) named);
    }

    private static Object test(ExpTest test, String method, Object[] given) {
        if (given.length < 2 || !(method.equals("evaluate") || method.equals("evaluateNegated"))) {
            throw new TemplateRefusal("it calls a test by a method");
        }
        Object[] arguments = given.length == 3 && given[2] instanceof Object[] array
                ? array
                : Arrays.copyOfRange(given, 2, given.length);
        JinjavaInterpreter interpreter = JinjavaInterpreter.getCurrent();
        return method.equals("evaluate")
                ? test.evaluate(given[0], interpreter, arguments)
                : test.evaluateNegated(given[0], interpreter, arguments);
    }
}
