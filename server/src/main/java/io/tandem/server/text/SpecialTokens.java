package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
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
    private static final List<String> NAMES =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    /**
     * @param config tokenizer_config.json
     * @param map special_tokens_map.json, for what the other names none of
     */
    static SpecialTokens of(ModelFile config, ModelFile map) {
        Map<String, String> tokens = new HashMap<>();
        for (String name : NAMES) {
            token(config.json().path(name))
                    .or(() -> token(map.json().path(name)))
                    .ifPresent(token -> tokens.put(name, token));
        }
        return new SpecialTokens(Map.copyOf(tokens));
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
