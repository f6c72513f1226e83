package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.weights.ModelFiles;
import java.nio.file.Path;

/**
 * A small JSON file of a model, read once for all who need it.
 *
 * @param path for complaints
 * @param json null if there is no such file
 */
record ModelFile(Path path, JsonNode json) {
    private static final int MAX_BYTES = 16 << 20;

    /** @throws io.tandem.kernels.weights.ModelFormatException if it is there and not a JSON object */
    static ModelFile read(ModelFiles files, String name) {
        Path file = files.path(name);
        return new ModelFile(
                file,
                files.bytes(name, MAX_BYTES)
                        .map(content -> (JsonNode) JsonFile.object(file, content))
                        .orElseGet(JsonFile.MAPPER::nullNode));
    }
}
