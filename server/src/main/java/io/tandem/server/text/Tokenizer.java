package io.tandem.server.text;

import java.util.Set;

/** Text to token ids and back. Safe from any thread; long texts take long, so not on an event loop. */
public interface Tokenizer {
    /** Token ids of a text; special tokens written in the text count as such only if asked for. */
    int[] encode(String text, boolean parseSpecialTokens);

    /**
     * Token ids of a text as they are behind another one, where some tokenizers do not write the space that they write
     * at a beginning. Special tokens count as such.
     */
    int[] encodeBehind(String before, String text);

    /**
     * The tokens of a text behind those that the tokenizer puts before a text of its own, such as one that marks the
     * beginning. Not for rendered chats, whose template writes them. Nothing is added twice.
     */
    int[] begin(int[] tokens);

    /** Most bytes of UTF-8 that a text of so many tokens may have; a longer one has more, without looking at it. */
    long maxBytes(int tokens);

    /**
     * A decoder of one growing answer.
     *
     * @param skipSpecialTokens whether special tokens have no text
     * @param shown names of those that have one all the same
     */
    Detokenizer detokenizer(boolean skipSpecialTokens, Set<String> shown);

    /** The same for all special tokens. */
    default Detokenizer detokenizer(boolean skipSpecialTokens) {
        return detokenizer(skipSpecialTokens, Set.of());
    }

    /** The text of some tokens. */
    default String text(int[] tokens, boolean skipSpecialTokens) {
        Detokenizer detokenizer = detokenizer(skipSpecialTokens);
        StringBuilder text = new StringBuilder();
        for (int token : tokens) {
            text.append(detokenizer.accept(token));
        }
        return text.append(detokenizer.finish()).toString();
    }

    /** The text of one token as it is, for log-probabilities; bytes that are no text become U+FFFD. */
    String token(int id);

    /** The bytes of one token; none for an id without a token. */
    byte[] bytes(int id);

    /** Whether a token is no text, like those that mark the turns of a chat. */
    boolean special(int id);

    /** Decodes the tokens of one answer as they come; never emits half a character. */
    interface Detokenizer {
        /** The text that this token completes; empty while a character is unfinished. */
        String accept(int id);

        /** What was held back, at the end. */
        String finish();
    }
}
