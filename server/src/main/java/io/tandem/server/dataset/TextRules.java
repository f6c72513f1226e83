package io.tandem.server.dataset;

/**
 * How a file's examples become tokens.
 *
 * @param truncate examples that are too long are cut at their end instead of being refused
 * @param maskHistory only the last answer of a chat is learned, not each one
 * @param wholeChats what users say is learned too, so that the model can write such chats; files may then have no other lines
 */
public record TextRules(boolean truncate, boolean maskHistory, boolean wholeChats) {
    /** Nothing is cut, and each answer is learned. */
    public static final TextRules DEFAULT = new TextRules(false, false);

    /** Only answers are learned. */
    public TextRules(boolean truncate, boolean maskHistory) {
        this(truncate, maskHistory, false);
    }
}
