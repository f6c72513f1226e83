package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Tokens that a model's files name, such as the one that ends a text.
 *
 * @param byName for example {@code eos_token}; without those that the model does not have
 */
record SpecialTokens(Map<String, String> byName) {
    private static final int MAX_FILE_BYTES = 16 << 20;
    private static final List<String> NAMES =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    /** Those of tokenizer_config.json, and where it names none those of special_tokens_map.json. */
    static SpecialTokens of(Path modelDir) {
        JsonNode config = json(modelDir.resolve("tokenizer_config.json"));
        JsonNode map = json(modelDir.resolve("special_tokens_map.json"));
        Map<String, String> tokens = new HashMap<>();
        for (String name : NAMES) {
            token(config.path(name)).or(() -> token(map.path(name))).ifPresent(token -> tokens.put(name, token));
        }
        return new SpecialTokens(Map.copyOf(tokens));
    }

    private static JsonNode json(Path file) {
        return Files.exists(file) ? JsonFile.object(file, MAX_FILE_BYTES) : JsonFile.MAPPER.nullNode();
    }

    /** Either the token or an object that describes it. */
    private static Optional<String> token(JsonNode token) {
        JsonNode text = token.isObject() ? token.path("content") : token;
        return text.isTextual() ? Optional.of(text.textValue()) : Optional.empty();
    }

    Optional<String> text(String name) {
        return Optional.ofNullable(byName.get(name));
    }
}
