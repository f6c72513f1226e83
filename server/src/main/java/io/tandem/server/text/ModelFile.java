package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A small JSON file of a model directory, read once for all who need it.
 *
 * @param path for complaints
 * @param json null if there is no such file
 */
record ModelFile(Path path, JsonNode json) {
    private static final int MAX_BYTES = 16 << 20;

    /** @throws io.tandem.kernels.weights.ModelFormatException if it is there and not a JSON object */
    static ModelFile read(Path modelDir, String name) {
        Path file = modelDir.resolve(name);
        return new ModelFile(file, Files.exists(file) ? JsonFile.object(file, MAX_BYTES) : JsonFile.MAPPER.nullNode());
    }
}
