package io.tandem.server.text.jinja;

/** What a template can call: a global, a macro, or a method of a value. */
@FunctionalInterface
interface Function {
    Object call(Arguments arguments);
}
