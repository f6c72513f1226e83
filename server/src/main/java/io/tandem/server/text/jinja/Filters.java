package io.tandem.server.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** jinja2's filters, but for those that make HTML or random choices. */
final class Filters {
    private static final Map<String, Filter> ALL = new LinkedHashMap<>();

    static {
        ALL.putAll(TextFilters.all());
        ALL.putAll(NumberFilters.all());
        lists();
        selections();
    }

    private Filters() {}

    static boolean exists(String name) {
        return ALL.containsKey(name);
    }

    /** @param arguments the value, then the filter's own */
    static Object apply(Budget budget, String name, Arguments arguments) {
        budget.step();
        Filter filter = ALL.get(name);
        if (filter == null) {
            throw new TemplateException("No filter named '" + name + "'.");
        }
        return filter.apply(budget, arguments);
    }

    private static Object sum(Budget budget, Arguments arguments) {
        Object total = arguments.get(2, "start", 0L);
        for (Object item : attributes(budget, arguments, 1)) {
            total = Operators.apply(budget, "+", total, item);
        }
        return total;
    }

    /** The items, or an attribute of each if one is named. */
    private static List<Object> attributes(Budget budget, Arguments arguments, int position) {
        List<Object> items = Values.list(budget, arguments.value());
        @Nullable Object attribute = arguments.find(position, "attribute");
        if (attribute == null || attribute == None.NONE) {
            return items;
        }
        items.replaceAll(item -> path(budget, item, attribute));
        return items;
    }

    private static Object path(Budget budget, Object item, Object path) {
        if (Values.isInteger(path)) {
            return Members.item(budget, item, path);
        }
        Object value = item;
        for (String part : Text.of(budget, path).split("\\.", -1)) {
            value = part.matches("[0-9]{1,9}")
                    ? Members.item(budget, value, Long.valueOf(part))
                    : Members.item(budget, value, part);
        }
        return value;
    }

    private static void lists() {
        Filter.put(ALL, Filters::sum, "sum");
        Filter.put(ALL, (budget, arguments) -> Values.length(arguments.value()), "length", "count");
        Filter.put(ALL, (budget, arguments) -> first(arguments.value()), "first");
        Filter.put(ALL, (budget, arguments) -> last(budget, arguments.value()), "last");
        Filter.put(ALL, (budget, arguments) -> Values.list(budget, arguments.value()), "list");
        Filter.put(ALL, Filters::reverse, "reverse");
        Filter.put(
                ALL,
                (budget, arguments) ->
                        join(budget, attributes(budget, arguments, 2), Text.of(budget, arguments.get(1, "d", ""))),
                "join");
        Filter.put(ALL, Filters::sort, "sort");
        Filter.put(ALL, Filters::unique, "unique");
        Filter.put(ALL, (budget, arguments) -> extreme(budget, arguments, -1), "min");
        Filter.put(ALL, (budget, arguments) -> extreme(budget, arguments, 1), "max");
        Filter.put(
                ALL,
                (budget, arguments) -> arguments.value() instanceof Undefined
                        ? new Lazy(List.of())
                        : new Lazy(Members.items(budget, dict(arguments.value()))),
                "items");
        Filter.put(ALL, Filters::dictSort, "dictsort");
        Filter.put(ALL, Filters::batch, "batch");
        Filter.put(ALL, Filters::columns, "slice");
        Filter.put(ALL, Filters::groupBy, "groupby");
        Filter.put(
                ALL,
                (budget, arguments) -> Members.attribute(budget, arguments.value(), arguments.text(1, "name")),
                "attr");
        Filter.put(
                ALL,
                (budget, arguments) -> arguments.value() instanceof Undefined
                                || (arguments.flag(2, "boolean", false) && !Values.isTrue(arguments.value()))
                        ? arguments.get(1, "default_value", "")
                        : arguments.value(),
                "default",
                "d");
    }

    private static Map<?, ?> dict(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map;
        }
        throw new TemplateException("Can only get item pairs from a mapping.");
    }

    private static Object first(Object value) {
        Iterator<?> items = Values.iterate(value);
        return items.hasNext() ? items.next() : new Undefined("No first item, sequence was empty.");
    }

    private static Object last(Budget budget, Object value) {
        if (value instanceof Lazy) {
            throw new TemplateException("'generator' object is not reversible");
        }
        List<Object> items = Values.list(budget, value);
        return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.get(items.size() - 1);
    }

    private static Object reverse(Budget budget, Arguments arguments) {
        Object value = arguments.value();
        if (value instanceof String text) {
            budget.make(text.length());
            return new StringBuilder(text).reverse().toString();
        }
        List<Object> items = Values.list(budget, value);
        Collections.reverse(items);
        return new Lazy(items);
    }

    static String join(Budget budget, List<Object> items, String separator) {
        List<String> texts = new ArrayList<>();
        long length = 0;
        for (Object item : items) {
            String text = Text.of(budget, item);
            length += text.length() + separator.length();
            texts.add(text);
        }
        budget.make(length);
        return String.join(separator, texts);
    }

    /** Texts without regard to case, unless asked otherwise. */
    private static Comparator<Object> order(Budget budget, Arguments arguments, int caseAt) {
        boolean exact = arguments.flag(caseAt, "case_sensitive", false);
        return (a, b) -> Values.compare(budget, folded(a, exact), folded(b, exact), "<");
    }

    private static Object folded(Object value, boolean exact) {
        return value instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : value;
    }

    private static Object sort(Budget budget, Arguments arguments) {
        List<Object> items = Values.list(budget, arguments.value());
        Comparator<Object> unequal = order(budget, arguments, 2);
        // Values without an order, such as None, can be sorted as long as they are equal.
        Comparator<Object> order = (a, b) -> Values.equal(budget, a, b) ? 0 : unequal.compare(a, b);
        Object attribute = arguments.get(3, "attribute", None.NONE);
        Comparator<Object> by = attribute == None.NONE
                ? order
                : (a, b) -> {
                    for (String one : Text.of(budget, attribute).split(",", -1)) {
                        int found = order.compare(path(budget, a, one.strip()), path(budget, b, one.strip()));
                        if (found != 0) {
                            return found;
                        }
                    }
                    return 0;
                };
        items.sort(arguments.flag(1, "reverse", false) ? (a, b) -> by.compare(b, a) : by);
        return items;
    }

    private static Object unique(Budget budget, Arguments arguments) {
        boolean exact = arguments.flag(1, "case_sensitive", false);
        List<Object> kept = new ArrayList<>();
        java.util.Set<Object> seen = new java.util.HashSet<>();
        Object attribute = arguments.get(2, "attribute", None.NONE);
        for (Object item : Values.list(budget, arguments.value())) {
            Object key = attribute == None.NONE ? item : path(budget, item, attribute);
            if (seen.add(Values.key(folded(key, exact)))) {
                kept.add(item);
            }
        }
        return new Lazy(kept);
    }

    private static Object extreme(Budget budget, Arguments arguments, int sign) {
        List<Object> items = Values.list(budget, arguments.value());
        Comparator<Object> order = order(budget, arguments, 1);
        Object attribute = arguments.get(2, "attribute", None.NONE);
        Object best = null;
        for (Object item : items) {
            Object key = attribute == None.NONE ? item : path(budget, item, attribute);
            Object bestKey = best == null || attribute == None.NONE ? best : path(budget, best, attribute);
            if (best == null || sign * order.compare(key, bestKey) > 0) {
                best = item;
            }
        }
        return best == null ? new Undefined("No aggregated item, sequence was empty.") : best;
    }

    private static Object dictSort(Budget budget, Arguments arguments) {
        List<Object> items = Members.items(budget, dict(arguments.value()));
        int at = arguments.text(2, "by", "key").equals("value") ? 1 : 0;
        Comparator<Object> order = order(budget, arguments, 1);
        Comparator<Object> by = (a, b) -> order.compare(((Tuple) a).get(at), ((Tuple) b).get(at));
        items.sort(arguments.flag(3, "reverse", false) ? by.reversed() : by);
        return items;
    }

    private static Object batch(Budget budget, Arguments arguments) {
        List<Object> items = Values.list(budget, arguments.value());
        int size = Math.max(1, Budget.width(arguments.integer(1, "linecount", 1)));
        Object fill = arguments.get(2, "fill_with", None.NONE);
        List<Object> batches = new ArrayList<>();
        for (int from = 0; from < items.size(); from += size) {
            List<Object> one = new ArrayList<>(items.subList(from, Math.min(items.size(), from + size)));
            budget.make(size);
            while (fill != None.NONE && one.size() < size) {
                one.add(fill);
            }
            batches.add(one);
        }
        return new Lazy(batches);
    }

    private static Object columns(Budget budget, Arguments arguments) {
        List<Object> items = Values.list(budget, arguments.value());
        int count = Math.max(1, Budget.width(arguments.integer(1, "slices", 1)));
        Object fill = arguments.get(2, "fill_with", None.NONE);
        int extra = items.size() % count;
        List<Object> columns = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < count; i++) {
            int end = at + items.size() / count + (i < extra ? 1 : 0);
            List<Object> column = new ArrayList<>(items.subList(at, end));
            if (fill != None.NONE && i >= extra) {
                column.add(fill);
            }
            budget.make(column.size() + 1L);
            columns.add(column);
            at = end;
        }
        return new Lazy(columns);
    }

    private static Object groupBy(Budget budget, Arguments arguments) {
        Object attribute = arguments.get(1, "attribute");
        Object absent = arguments.get(2, "default", None.NONE);
        java.util.function.UnaryOperator<Object> key = item -> {
            Object found = path(budget, item, attribute);
            return found instanceof Undefined && absent != None.NONE ? absent : found;
        };
        List<Object> items = Values.list(budget, arguments.value());
        items.sort((a, b) -> Values.compare(budget, key.apply(a), key.apply(b), "<"));
        Map<Object, List<Object>> groups = new LinkedHashMap<>();
        for (Object item : items) {
            groups.computeIfAbsent(key.apply(item), any -> new ArrayList<>()).add(item);
        }
        return groups.entrySet().stream()
                .map(group -> (Object) Tuple.of(group.getKey(), group.getValue()))
                .collect(Collectors.toCollection(ArrayList::new));
    }

    private static void selections() {
        Filter.put(ALL, Filters::map, "map");
        Filter.put(ALL, (budget, arguments) -> select(budget, arguments, false, true), "select");
        Filter.put(ALL, (budget, arguments) -> select(budget, arguments, false, false), "reject");
        Filter.put(ALL, (budget, arguments) -> select(budget, arguments, true, true), "selectattr");
        Filter.put(ALL, (budget, arguments) -> select(budget, arguments, true, false), "rejectattr");
    }

    /** The items of what is to be mapped or selected from; None has none. */
    private static List<Object> items(Budget budget, Object value) {
        return Values.isTrue(value) ? Values.list(budget, value) : new ArrayList<>();
    }

    private static Object map(Budget budget, Arguments arguments) {
        List<Object> items = items(budget, arguments.value());
        @Nullable Object attribute = arguments.named().get("attribute");
        if (attribute != null) {
            @Nullable Object absent = arguments.named().get("default");
            items.replaceAll(item -> {
                Object found = path(budget, item, attribute);
                return found instanceof Undefined && absent != null ? absent : found;
            });
        } else {
            String filter = arguments.text(1, "filter");
            Arguments rest = arguments.rest(2);
            items.replaceAll(item -> apply(budget, filter, before(item, filter, rest)));
        }
        return new Lazy(items);
    }

    /** The same arguments behind a value. */
    private static Arguments before(Object value, String callee, Arguments rest) {
        List<Object> all = new ArrayList<>();
        all.add(value);
        all.addAll(rest.positional());
        return new Arguments(callee, all, rest.named());
    }

    private static Object select(Budget budget, Arguments arguments, boolean byAttribute, boolean wanted) {
        int next = byAttribute ? 2 : 1;
        @Nullable Object test = arguments.find(next, "test");
        Arguments rest = arguments.rest(next + 1);
        List<Object> kept = items(budget, arguments.value());
        kept.removeIf(item -> {
            Object tested = byAttribute ? path(budget, item, arguments.get(1, "attribute")) : item;
            boolean holds = test == null
                    ? Values.isTrue(tested)
                    : Tests.holds(budget, Text.of(budget, test), before(tested, "test", rest));
            return holds != wanted;
        });
        return new Lazy(kept);
    }
}
