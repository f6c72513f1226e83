package io.tandem.server.text.tools;

/** A part of what a model says. */
public sealed interface AnswerPart {
    /** For the reader. */
    record Content(String text) implements AnswerPart {}

    /** What the model thinks before it answers. */
    record Reasoning(String text) implements AnswerPart {}

    /**
     * A call of a tool.
     *
     * @param arguments a JSON object, as text
     */
    record Call(String id, String name, String arguments) implements AnswerPart {}
}
