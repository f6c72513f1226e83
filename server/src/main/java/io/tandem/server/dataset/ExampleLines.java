package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.util.Optional;
import java.util.Set;

/** Examples of a training file, whatever its form, as JSON lines. */
public final class ExampleLines {
    private ExampleLines() {}

    /**
     * Copies some examples of a file that a {@link DatasetReader} has accepted.
     *
     * @param wanted their numbers in the file, from 0
     */
    public static void copy(InputStream file, Set<Integer> wanted, Writer out) throws IOException {
        ExampleSource source = ExampleSource.open(file);
        int number = 0;
        for (Optional<JsonNode> example = source.next(); example.isPresent(); example = source.next()) {
            if (wanted.contains(number++)) {
                out.write(example.get().toString());
                out.write('\n');
            }
        }
    }
}
