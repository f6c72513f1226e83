package io.tandem.server.text.jinja;

/** Python's {@code None}. */
enum None {
    NONE
}
