package io.tandem.kernels.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.quantized.QuantizationConfig;
import io.tandem.kernels.weights.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Reads HuggingFace's {@code config.json} of any family. */
public final class ModelConfigReader {
    private static final int MAX_FILE_BYTES = 4 << 20;
    private static final String ARCHITECTURES = "architectures";

    /** All that are supported. */
    static final List<Family> FAMILIES = List.of(
            new Llama(),
            new Mistral(),
            new Qwen2(),
            new Qwen3(),
            new Gemma2(),
            new Gemma3(),
            new Phi3(),
            new Olmo2(),
            new Granite(),
            new StableLm(),
            new Qwen3Moe(),
            new Mixtral());

    private ModelConfigReader() {}

    /**
     * Reads the configuration of a model.
     *
     * @param path the {@code config.json}, or the directory that holds it
     * @throws io.tandem.kernels.weights.ModelFormatException if the file is missing or damaged, a value is absurd, or
     *     the model is of an unsupported kind
     */
    public static ModelConfig read(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve("config.json") : path;
        return read(JsonFields.read(file, MAX_FILE_BYTES));
    }

    /**
     * Reads the configuration of a model.
     *
     * @param json the {@code config.json}
     * @throws io.tandem.kernels.weights.ModelFormatException if a value is absurd, or the model is of an unsupported kind
     */
    public static ModelConfig read(JsonFields json) {
        Optional<JsonFields> recursion = json.object(RecursionFields.KEY);
        Family family = recursion
                .map(own -> family(own, RecursionFields.ARCHITECTURE, own.text(RecursionFields.ARCHITECTURE)))
                .orElseGet(() -> family(json, ARCHITECTURES, first(json)));
        String type = recursion.isPresent() ? RecursionFields.MODEL_TYPE : family.modelType();
        // transformers picks the implementation by model_type, not by architectures.
        if (!json.text("model_type").orElse(type).equals(type)) {
            throw json.refuse("model_type", type + ", as " + family.architecture() + " has");
        }
        QuantizationConfig.check(json);
        ModelConfig.Builder model = family.read(new DecoderFields(json)).architecture(family.architecture());
        recursion.ifPresent(own -> model.recursion(RecursionFields.read(own, model.layers())));
        return model.build();
    }

    private static Optional<String> first(JsonFields json) {
        return json.value(ARCHITECTURES)
                .filter(JsonNode::isArray)
                .flatMap(names -> Optional.ofNullable(names.path(0).textValue()));
    }

    /** @param key where the name was found */
    private static Family family(JsonFields json, String key, Optional<String> name) {
        return FAMILIES.stream()
                .filter(family -> name.filter(family.architecture()::equals).isPresent())
                .findFirst()
                .orElseThrow(() -> json.refuse(
                        key,
                        "one of "
                                + FAMILIES.stream().map(Family::architecture).collect(Collectors.joining(", "))
                                + " (docs/models.md)"));
    }
}
