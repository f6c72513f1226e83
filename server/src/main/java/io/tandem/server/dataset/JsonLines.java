package io.tandem.server.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.util.Optional;

/** JSON lines. Blank ones are skipped. */
final class JsonLines implements ExampleSource {
    private final LineReader lines;

    JsonLines(LineReader lines) {
        this.lines = lines;
    }

    @Override
    public Optional<JsonNode> next() throws IOException {
        for (Optional<byte[]> line = lines.next(); line.isPresent(); line = lines.next()) {
            String text = lines.text(line.get());
            if (!text.isBlank()) {
                return Optional.of(parse(text));
            }
        }
        return Optional.empty();
    }

    private static JsonNode parse(String text) {
        try {
            return JsonBody.MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            throw new RejectedLine("is not valid JSON; a line holds one whole JSON object" + JsonBody.reason(e));
        }
    }

    @Override
    public int number() {
        return lines.number();
    }
}
