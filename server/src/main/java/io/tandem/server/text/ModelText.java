package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads what text needs of a model. */
public final class ModelText {
    private static final String END = "eos_token_id";

    private ModelText() {}

    /**
     * @param name what clients call the model by
     * @param shape as read from its config.json
     * @param contextTokens longest prompt and answer together
     * @throws ModelFormatException if a file is missing or damaged
     */
    public static ServedModel load(ModelFiles files, String name, ModelConfig shape, int contextTokens) {
        JsonTokenizer tokenizer = JsonTokenizer.load(files);
        ModelFile config = ModelFile.read(files, "tokenizer_config.json");
        ModelFile generation = ModelFile.read(files, "generation_config.json");
        SpecialTokens special = SpecialTokens.of(config, ModelFile.read(files, "special_tokens_map.json"));
        return new ServedModel(
                name,
                shape,
                contextTokens,
                tokenizer,
                JinjaChatTemplate.load(files, config, special),
                stopTokens(
                        List.of(generation, config(files)),
                        shape,
                        special.text("eos_token").flatMap(tokenizer::id)),
                GenerationFile.sampling(generation),
                ModelIdentity.of(files),
                created(files));
    }

    /**
     * All that the model's files name: instruction-tuned models often have the end of a turn in the tokenizer's
     * configuration only, and the end of a document in the others.
     *
     * @param named by the tokenizer; the first, because it is what fine-tuning ends a text with elsewhere
     */
    private static Set<Integer> stopTokens(List<ModelFile> files, ModelConfig shape, Optional<Integer> named) {
        Set<Integer> tokens = new LinkedHashSet<>();
        named.filter(id -> id < shape.vocab()).ifPresent(tokens::add);
        for (ModelFile file : files) {
            JsonNode value = file.json().path(END);
            if (!value.isMissingNode() && !value.isNull()) {
                tokens.addAll(stopTokens(file.path(), value, shape.vocab()));
            }
        }
        return Collections.unmodifiableSet(tokens);
    }

    private static Set<Integer> stopTokens(Path file, JsonNode value, int vocab) {
        Set<Integer> tokens = new LinkedHashSet<>();
        for (JsonNode id : value.isArray() ? value : List.of(value)) {
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocab) {
                throw new ModelFormatException(file + ": eos_token_id holds " + JsonFile.excerpt(id.toString())
                        + ", expected 0 to " + (vocab - 1));
            }
            tokens.add(id.intValue());
        }
        return tokens;
    }

    /** What is needed here of a file that has been read. */
    private static ModelFile config(ModelFiles files) {
        JsonNode end = files.config().value(END).orElse(JsonFile.MAPPER.nullNode());
        return new ModelFile(
                files.config().file(), JsonFile.MAPPER.createObjectNode().set(END, end));
    }

    private static long created(ModelFiles files) {
        Path file = files.path("tokenizer.json");
        try {
            return Files.getLastModifiedTime(file).toMillis() / 1000;
        } catch (IOException e) {
            throw new ModelFormatException(file + ": cannot be read: " + JsonFile.excerpt(e.toString()), e);
        }
    }
}
