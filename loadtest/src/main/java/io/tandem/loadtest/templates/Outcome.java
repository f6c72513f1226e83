package io.tandem.loadtest.templates;

import org.jspecify.annotations.Nullable;

/**
 * What a renderer makes of a template and a chat: one of the two.
 *
 * @param text the rendered chat
 * @param refusal why there is none
 */
record Outcome(@Nullable String text, @Nullable String refusal) {
    private static final int CONTEXT = 30;

    /** Whether both render the same text, or both refuse; the words of a refusal do not matter. */
    boolean agrees(Outcome other) {
        return text == null ? other.text == null : text.equals(other.text);
    }

    /** The reason of a refusal, or nothing. */
    String kind() {
        return text == null ? "refuses: " + refusal : "";
    }

    /** This outcome around the first difference from another one. */
    String around(Outcome other) {
        if (text == null) {
            return kind();
        }
        if (other.text == null) {
            return "renders";
        }
        int same = 0;
        while (same < Math.min(text.length(), other.text.length()) && text.charAt(same) == other.text.charAt(same)) {
            same++;
        }
        String excerpt = text.substring(Math.max(0, same - CONTEXT), Math.min(text.length(), same + CONTEXT));
        return "at " + same + ": …" + excerpt.replace("\n", "\\n").replace("\r", "\\r") + "…";
    }
}
