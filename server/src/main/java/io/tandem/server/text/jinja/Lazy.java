package io.tandem.server.text.jinja;

import java.util.Iterator;
import java.util.List;

/**
 * Python's generators and iterators, which filters such as {@code map} and {@code select} return: always true, without a
 * length, and empty once they were read.
 */
final class Lazy {
    private final Iterator<?> items;

    Lazy(List<?> items) {
        this.items = items.iterator();
    }

    Iterator<?> items() {
        return items;
    }
}
