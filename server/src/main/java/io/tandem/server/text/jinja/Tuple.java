package io.tandem.server.text.jinja;

import java.util.AbstractList;
import java.util.List;

/** Python's tuple: like a list, but printed and compared as a tuple. */
final class Tuple extends AbstractList<Object> {
    private final List<?> items;

    Tuple(List<?> items) {
        this.items = items;
    }

    static Tuple of(Object... items) {
        return new Tuple(List.of(items));
    }

    @Override
    public Object get(int index) {
        return items.get(index);
    }

    @Override
    public int size() {
        return items.size();
    }
}
