package io.tandem.server.text;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files of a model directory; they come from strangers, so size and shape are checked. */
public final class JsonFile {
    static final JsonMapper MAPPER = JsonMapper.builder().build();

    private static final int MESSAGE_CHARS = 200;

    private JsonFile() {}

    static ObjectNode object(Path file, int maxBytes) {
        JsonNode node;
        try {
            node = MAPPER.readTree(bytes(file, maxBytes));
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

    static String text(Path file, int maxBytes) {
        return new String(bytes(file, maxBytes), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(Path file, int maxBytes) {
        try (InputStream in = Files.newInputStream(file)) {
            // The size that the file system tells may be that of a pipe or a growing file.
            byte[] bytes = in.readNBytes(maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw new ModelFormatException(file + ": is larger than " + maxBytes + " bytes");
            }
            return bytes;
        } catch (IOException e) {
            throw new ModelFormatException(file + ": cannot be read: " + excerpt(e.toString()), e);
        }
    }

    /** The first line of a text from outside, and not too much of it. */
    public static String excerpt(String text) {
        String line = text.lines().findFirst().orElse("");
        return line.length() <= MESSAGE_CHARS ? line : line.substring(0, MESSAGE_CHARS) + "…";
    }
}
