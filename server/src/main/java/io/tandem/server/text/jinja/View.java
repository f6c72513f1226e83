package io.tandem.server.text.jinja;

import java.util.AbstractList;
import java.util.List;

/** What {@code items()}, {@code keys()} and {@code values()} of a dict give: iterated like a list, but not indexed. */
final class View extends AbstractList<Object> {
    private final String type;
    private final List<Object> items;

    View(String type, List<Object> items) {
        this.type = type;
        this.items = items;
    }

    String type() {
        return type;
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
