package io.tandem.server.text.jinja;

/** A template cannot be parsed, or fails for the values that it is given. Expected, so it carries no stack trace. */
public class TemplateException extends RuntimeException {
    TemplateException(String message) {
        super(message, null, false, false);
    }

    /** The template itself refuses its values, by {@code raise_exception}. */
    public static final class Refusal extends TemplateException {
        Refusal(String message) {
            super(message);
        }
    }

    /** The template takes more than it may. */
    public static final class LimitExceeded extends TemplateException {
        LimitExceeded(String limit) {
            super(limit);
        }
    }
}
