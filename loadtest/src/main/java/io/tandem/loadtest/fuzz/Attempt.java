package io.tandem.loadtest.fuzz;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What goes over a connection at once: one request, or several in a row.
 *
 * @param bytes as they are sent
 * @param methods of the requests, for what their answers look like
 * @param whole whether every request must be answered; otherwise the client has nothing more to say, and the server may
 *     also close the connection
 * @param version whether the requests name a version of HTTP that the server may refuse
 */
record Attempt(byte[] bytes, List<String> methods, boolean whole, boolean version) {
    private static final int SHOWN_BYTES = 600;

    /** The beginning, in characters that a terminal can show. */
    @Override
    public String toString() {
        StringBuilder shown = new StringBuilder();
        String text = new String(bytes, 0, Math.min(bytes.length, SHOWN_BYTES), StandardCharsets.ISO_8859_1);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\n') {
                shown.append("\n    ");
            } else if (c >= ' ' && c < 127) {
                shown.append(c);
            } else if (c != '\r') {
                shown.append(String.format("\\x%02x", (int) c));
            }
        }
        return shown + (bytes.length > SHOWN_BYTES ? "... (" + bytes.length + " bytes)" : "");
    }
}
