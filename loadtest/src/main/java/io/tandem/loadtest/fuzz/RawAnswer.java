package io.tandem.loadtest.fuzz;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * An answer as it came.
 *
 * @param headers by their name in lower case
 */
record RawAnswer(int status, Map<String, String> headers, byte[] body) {

    static RawAnswer head(String text) throws IOException {
        List<String> lines = text.lines().toList();
        if (!lines.get(0).matches("HTTP/1\\.[01] [1-9][0-9]{2}( .*)?")) {
            throw new IOException("not an answer: " + lines.get(0));
        }
        Map<String, String> headers = new LinkedHashMap<>();
        for (String line : lines.subList(1, lines.size())) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                headers.put(
                        line.substring(0, colon).toLowerCase(Locale.ROOT),
                        line.substring(colon + 1).strip());
            }
        }
        return new RawAnswer(Integer.parseInt(lines.get(0).substring(9, 12)), headers, new byte[0]);
    }

    RawAnswer with(byte[] content) {
        return new RawAnswer(status, headers, content);
    }

    /** The value of a header; empty if there is none. */
    String header(String name) {
        return headers.getOrDefault(name, "");
    }

    String text() {
        return new String(body, StandardCharsets.UTF_8);
    }
}
