package io.tandem.server.api;

import java.util.List;

/** What the text of an answer has to be. */
public sealed interface OutputFormat {
    /** Any JSON object. */
    record AnyObject() implements OutputFormat {}

    /**
     * JSON that a schema allows.
     *
     * @param json the schema as text, because the order of its properties is that of the answer's
     */
    record Schema(String json) implements OutputFormat {}

    /** A text that a regular expression matches as a whole. */
    record Pattern(String expression) implements OutputFormat {}

    /**
     * Calls of functions.
     *
     * @param shape how they are written; what stands between two is empty if there may be only one
     */
    record Calls(List<Function> functions, CallShape shape) implements OutputFormat {}

    /** @param parameters the schema of its arguments, as text */
    record Function(String name, String parameters) {}

    /** One of these texts. */
    record Choice(List<String> texts) implements OutputFormat {}
}
