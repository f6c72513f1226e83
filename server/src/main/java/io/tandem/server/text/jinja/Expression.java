package io.tandem.server.text.jinja;

/** A part of a template that has a value. Immutable, so a parsed template may be rendered by many threads. */
@FunctionalInterface
interface Expression {
    Object value(Scope scope);
}
