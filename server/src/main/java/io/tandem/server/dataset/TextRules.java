package io.tandem.server.dataset;

/**
 * How a file's examples become tokens.
 *
 * @param truncate examples that are too long are cut at their end instead of being refused
 * @param maskHistory only the last answer of a chat is learned, not each one
 */
public record TextRules(boolean truncate, boolean maskHistory) {
    /** Nothing is cut, and each answer is learned. */
    public static final TextRules DEFAULT = new TextRules(false, false);
}
