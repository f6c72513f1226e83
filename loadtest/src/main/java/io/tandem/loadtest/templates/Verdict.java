package io.tandem.loadtest.templates;

/** How Tandem's rendering of a pair compares. */
enum Verdict {
    /** Both render the same text. */
    SAME,
    /** The reference refuses the chat. */
    REFUSED,
    /** {@code @huggingface/jinja} differs from Python's Jinja2; Tandem does not. */
    DEVIATION,
    /** Tandem renders something else, or refuses what the reference renders. */
    DIFFERENCE
}
