package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What each token of a {@code tokenizer.json} spells. Bytes are kept rather than text because a token may hold half a
 * character, and because decoding by table costs the same for every token of an answer.
 */
final class TokenTable {
    private static final int MAX_ID = 1 << 24;
    private static final byte[] NONE = {};

    private final Map<Integer, byte[]> bytes = new HashMap<>();
    private final Map<String, Integer> ids = new HashMap<>();
    private final BitSet special = new BitSet();
    private final List<String> added = new ArrayList<>();

    static TokenTable read(JsonNode tokenizer) {
        TokenTable table = new TokenTable();
        JsonNode decoder = tokenizer.path("decoder");
        boolean byteLevel = has(decoder, "ByteLevel");
        if (!byteLevel && !has(decoder, "ByteFallback")) {
            throw new ModelFormatException("decoder is neither ByteLevel nor ByteFallback");
        }
        JsonNode vocab = tokenizer.path("model").path("vocab");
        if (!vocab.isObject() || vocab.isEmpty()) {
            throw new ModelFormatException("model.vocab is not an object of tokens");
        }
        vocab.properties()
                .forEach(entry -> table.put(
                        entry.getKey(),
                        entry.getValue(),
                        byteLevel ? ByteSpelling.byteLevel(entry.getKey()) : ByteSpelling.fallback(entry.getKey())));
        for (JsonNode token : tokenizer.path("added_tokens")) {
            JsonNode content = token.path("content");
            if (!content.isTextual() || content.textValue().isEmpty()) {
                throw new ModelFormatException("an added token has no content");
            }
            String text = content.textValue();
            int id = table.put(text, token.path("id"), text.getBytes(StandardCharsets.UTF_8));
            table.added.add(text);
            table.special.set(id, token.path("special").asBoolean());
        }
        return table;
    }

    private int put(String text, JsonNode id, byte[] spelling) {
        if (!id.isInt() || id.intValue() < 0 || id.intValue() >= MAX_ID) {
            throw new ModelFormatException("id of token " + JsonFile.excerpt(text) + " is "
                    + JsonFile.excerpt(id.toString()) + ", expected 0 to " + (MAX_ID - 1));
        }
        bytes.put(id.intValue(), spelling);
        ids.put(text, id.intValue());
        return id.intValue();
    }

    private static boolean has(JsonNode decoder, String type) {
        if (decoder.path("type").asText().equals(type)) {
            return true;
        }
        for (JsonNode part : decoder.path("decoders")) {
            if (part.path("type").asText().equals(type)) {
                return true;
            }
        }
        return false;
    }

    /** Nothing for an id without a token: embeddings are often padded beyond the vocabulary. */
    byte[] bytes(int id) {
        return bytes.getOrDefault(id, NONE);
    }

    boolean special(int id) {
        return id >= 0 && special.get(id);
    }

    /** Texts of all tokens; what is no text in them is U+FFFD. */
    List<String> texts() {
        return bytes.values().stream()
                .map(token -> new String(token, StandardCharsets.UTF_8))
                .toList();
    }

    /** Tokens that are found in a text before it is divided. */
    List<String> added() {
        return List.copyOf(added);
    }

    /** Bytes of the longest token. */
    int longest() {
        return bytes.values().stream().mapToInt(token -> token.length).max().orElse(1);
    }

    Optional<Integer> id(String token) {
        return Optional.ofNullable(ids.get(token));
    }
}
