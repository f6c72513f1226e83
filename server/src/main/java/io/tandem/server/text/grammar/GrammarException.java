package io.tandem.server.text.grammar;

/** A schema or an expression from which no grammar can be made. Expected, so it carries no stack trace. */
public final class GrammarException extends RuntimeException {
    private final String pointer;

    /**
     * @param pointer JSON pointer to what is wrong in a schema; empty for its root, and for everything else
     * @param message for people, to be read behind the name of the field: what is wrong, and what to do
     */
    public GrammarException(String pointer, String message) {
        super(message, null, false, false);
        this.pointer = pointer;
    }

    public String pointer() {
        return pointer;
    }
}
