package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The examples of a training file one after the other: JSON lines, one JSON array, or CSV with a header. */
interface ExampleSource {
    /** What the kind of a file is told by; a header of CSV is not longer. */
    int BEGINNING_BYTES = 1 << 16;

    /**
     * The next example; empty at the end.
     *
     * @throws RejectedLine if it cannot be read; the call after that goes on behind it
     */
    Optional<JsonNode> next() throws IOException;

    /** The line on which the last example began, from 1. */
    int number();

    /** Tells by a file's beginning what it is. */
    static ExampleSource open(InputStream file) throws IOException {
        BufferedInputStream in = new BufferedInputStream(file, BEGINNING_BYTES);
        in.mark(BEGINNING_BYTES);
        String beginning = new String(in.readNBytes(BEGINNING_BYTES), StandardCharsets.UTF_8);
        in.reset();
        String text = beginning.startsWith("\uFEFF") ? beginning.substring(1) : beginning;
        if (text.stripLeading().startsWith("[")) {
            return new JsonArray(in);
        }
        Optional<Character> separator =
                CsvRows.separator(text.lines().findFirst().orElse(""));
        return separator.isPresent() ? new CsvRows(in, separator.get()) : new JsonLines(new LineReader(in));
    }
}
