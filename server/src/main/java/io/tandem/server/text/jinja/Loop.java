package io.tandem.server.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop} of a loop's body. */
final class Loop implements Function {
    private final Budget budget;
    private final List<Object> items;
    private final int depth;
    private final @Nullable Function recursion;
    private int index;
    private @Nullable Object lastChecked;

    /** @param recursion renders the loop anew for other items; null if the loop is not recursive */
    Loop(Budget budget, List<Object> items, int depth, @Nullable Function recursion) {
        this.budget = budget;
        this.items = items;
        this.depth = depth;
        this.recursion = recursion;
    }

    void at(int newIndex) {
        index = newIndex;
    }

    Object attribute(String name) {
        int size = items.size();
        return switch (name) {
            case "index" -> index + 1L;
            case "index0" -> (long) index;
            case "revindex" -> (long) size - index;
            case "revindex0" -> (long) size - index - 1;
            case "first" -> index == 0;
            case "last" -> index == size - 1;
            case "length" -> (long) size;
            case "depth" -> depth + 1L;
            case "depth0" -> (long) depth;
            case "previtem" -> index == 0 ? new Undefined("there is no previous item") : items.get(index - 1);
            case "nextitem" -> index == size - 1 ? new Undefined("there is no next item") : items.get(index + 1);
            case "cycle" -> method(this::cycle);
            case "changed" -> method(this::changed);
            default -> new Undefined("'LoopContext object' has no attribute '" + name + "'");
        };
    }

    private static Function method(Function method) {
        return method;
    }

    private Object cycle(Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            throw new TemplateException("no items for cycling given");
        }
        return arguments.positional().get(index % arguments.positional().size());
    }

    private Object changed(Arguments arguments) {
        Object now = new Tuple(List.copyOf(arguments.positional()));
        boolean changed = lastChecked == null || !Values.equal(budget, lastChecked, now);
        lastChecked = now;
        return changed;
    }

    @Override
    public Object call(Arguments arguments) {
        if (recursion == null) {
            throw new TemplateException("The loop must have the 'recursive' marker to be called recursively.");
        }
        return recursion.call(arguments);
    }
}
