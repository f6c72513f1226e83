package io.tandem.kernels.pretrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;

/**
 * What {@link SampleModelWriter} wrote; reads no other model.
 *
 * @param weights the flat vector
 */
record SampleModelReader(Shape shape, float[] weights, BpeTokenizer tokenizer) {
    static SampleModelReader read(Path directory) throws IOException {
        ObjectMapper json = new ObjectMapper();
        JsonNode config = json.readTree(directory.resolve("config.json").toFile());
        Shape shape = new Shape(
                config.path("num_hidden_layers").asInt(),
                config.path("hidden_size").asInt(),
                config.path("num_attention_heads").asInt(),
                config.path("num_key_value_heads").asInt(),
                config.path("head_dim").asInt(),
                config.path("intermediate_size").asInt(),
                config.path("vocab_size").asInt());
        return new SampleModelReader(
                shape,
                weights(SafetensorsFile.open(directory.resolve("model.safetensors")), shape),
                TokenizerJson.read(
                        json.readTree(directory.resolve("tokenizer.json").toFile())));
    }

    private static float[] weights(SafetensorsFile file, Shape shape) {
        float[] weights = new float[shape.parameters()];
        for (WeightMap.Entry entry : WeightMap.of(shape)) {
            System.arraycopy(file.floats(entry.name()), 0, weights, entry.offset(), entry.count());
        }
        return weights;
    }
}
