package io.tandem.server.api;

/**
 * How a model writes calls of functions, behind what announces them.
 *
 * @param beforeName stands before the function's name
 * @param beforeArguments stands between the name and the JSON object with the arguments
 * @param behindCall stands behind each call's arguments
 * @param between stands between two calls, behind the first one's end
 * @param closing stands behind the last call
 */
public record CallShape(String beforeName, String beforeArguments, String behindCall, String between, String closing) {
    /** For one call only. */
    public CallShape single() {
        return new CallShape(beforeName, beforeArguments, behindCall, "", closing);
    }
}
