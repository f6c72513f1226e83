package io.tandem.server.text.jinja;

/** What follows a {@code |}. */
@FunctionalInterface
interface Filter {
    /** @param arguments the value, then the filter's own */
    Object apply(Budget budget, Arguments arguments);
}
