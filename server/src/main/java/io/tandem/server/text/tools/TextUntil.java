package io.tandem.server.text.tools;

/** Finds a mark in a text that comes in pieces. What may be the beginning of the mark is held back. */
final class TextUntil {
    private final String mark;
    private String held = "";
    private boolean found;

    TextUntil(String mark) {
        this.mark = mark;
    }

    /** Takes a piece; returns the text that is certainly before the mark. */
    String accept(String piece) {
        String all = held + piece;
        int at = all.indexOf(mark);
        if (at >= 0) {
            found = true;
            held = all.substring(at + mark.length());
            return all.substring(0, at);
        }
        int end = Math.max(0, all.length() - mark.length() + 1);
        while (end < all.length() && !mark.startsWith(all.substring(end))) {
            end++;
        }
        held = all.substring(end);
        return all.substring(0, end);
    }

    /** Whether the mark came. */
    boolean found() {
        return found;
    }

    /** What came behind the mark, or was held back. */
    String rest() {
        return held;
    }
}
