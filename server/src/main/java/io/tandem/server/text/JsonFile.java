package io.tandem.server.text;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.file.Path;

/** Files of a model; they come from strangers, so size and shape are checked. */
public final class JsonFile {
    static final JsonMapper MAPPER = JsonMapper.builder().build();

    private static final int MESSAGE_CHARS = 200;

    private JsonFile() {}

    /** @throws ModelFormatException if there is no such file, or it is not a JSON object */
    static ObjectNode object(ModelFiles files, String name, int maxBytes) {
        Path file = files.path(name);
        return object(
                file, files.bytes(name, maxBytes).orElseThrow(() -> new ModelFormatException(file + ": no such file")));
    }

    /** @param file for complaints */
    static ObjectNode object(Path file, byte[] content) {
        JsonNode node;
        try {
            node = MAPPER.readTree(content);
        } catch (JacksonException e) {
            throw new ModelFormatException(file + ": is not valid JSON: " + excerpt(e.getOriginalMessage()), e);
        } catch (IOException e) {
            throw new ModelFormatException(file + ": cannot be read: " + excerpt(e.toString()), e);
        }
        if (node instanceof ObjectNode object) {
            return object;
        }
        throw new ModelFormatException(file + ": is not a JSON object");
    }

    /** The first line of a text from outside, and not too much of it. */
    public static String excerpt(String text) {
        String line = text.lines().findFirst().orElse("");
        return line.length() <= MESSAGE_CHARS ? line : line.substring(0, MESSAGE_CHARS) + "…";
    }
}
