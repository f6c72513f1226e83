package io.tandem.server.text;

import org.jspecify.annotations.Nullable;

/** A chat template called {@code raise_exception}. Public because the template engine calls it by reflection. */
public final class TemplateRefusal extends RuntimeException {
    TemplateRefusal(String message) {
        super(message, null, false, false);
    }

    /** What templates know as {@code raise_exception}. */
    @SuppressWarnings("DoNotCallSuggester") // Only the template engine does.
    public static String raise(@Nullable Object message) {
        throw new TemplateRefusal(JsonFile.excerpt(String.valueOf(message)));
    }
}
