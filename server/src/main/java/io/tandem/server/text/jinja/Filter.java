package io.tandem.server.text.jinja;

import java.util.Map;

/** What follows a {@code |}. */
@FunctionalInterface
interface Filter {
    /** @param arguments the value, then the filter's own */
    Object apply(Budget budget, Arguments arguments);

    /** Adds a filter under each of its names. */
    static void put(Map<String, Filter> all, Filter filter, String... names) {
        for (String name : names) {
            all.put(name, filter);
        }
    }
}
