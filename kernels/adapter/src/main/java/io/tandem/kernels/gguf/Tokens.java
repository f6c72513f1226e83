package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The vocabulary of a file.
 *
 * @param texts by id
 * @param types by id, as {@code llama.h} numbers them
 */
record Tokens(Metadata metadata, List<String> texts, List<Long> types) {
    static final String TEXTS = "tokenizer.ggml.tokens";
    private static final String TYPES = "tokenizer.ggml.token_type";

    private static final long NORMAL = 1;
    private static final long UNKNOWN = 2;
    private static final long CONTROL = 3;
    private static final long USER_DEFINED = 4;
    private static final long UNUSED = 5;
    private static final long BYTE = 6;

    /** @throws ModelFormatException if the lists are missing or do not fit each other, or a token occurs twice */
    static Tokens of(Metadata metadata) {
        List<String> texts = metadata.list(TEXTS, String.class, "a list of strings");
        List<Long> types = metadata.has(TYPES)
                ? metadata.list(TYPES, Long.class, "a list of integers")
                : Collections.nCopies(texts.size(), NORMAL);
        if (texts.isEmpty()) {
            throw metadata.refuse(TEXTS, "a list of tokens");
        }
        if (types.size() != texts.size()) {
            throw metadata.refuse(TYPES, texts.size() + " types, one for each token");
        }
        Tokens tokens = new Tokens(metadata, texts, types);
        Set<String> seen = new HashSet<>();
        for (int id = 0; id < texts.size(); id++) {
            if (tokens.used(id) && !seen.add(texts.get(id))) {
                throw metadata.refuse(
                        TEXTS, "each token once, but there are two of " + ModelFormatException.excerpt(texts.get(id)));
            }
        }
        return tokens;
    }

    /** Others fill a gap of the vocabulary. */
    boolean used(int id) {
        return types.get(id) != UNUSED && !texts.get(id).isEmpty();
    }

    /** Whether merges make it. */
    boolean merged(int id) {
        return used(id) && (types.get(id) == NORMAL || types.get(id) == USER_DEFINED);
    }

    boolean control(int id) {
        return types.get(id) == CONTROL;
    }

    boolean hasBytes() {
        return types.contains(BYTE);
    }

    /** The id under a key of the file, if there is one. */
    Optional<Integer> id(String key) {
        // 2^32 - 1 is llama.cpp's way to say that there is none.
        if (Long.valueOf(0xFFFF_FFFFL).equals(metadata.values().get(key))) {
            return Optional.empty();
        }
        int id = metadata.integer(key).orElse(-1);
        if (id >= texts.size()) {
            throw metadata.refuse(key, "the id of one of " + texts.size() + " tokens");
        }
        return id < 0 || !used(id) ? Optional.empty() : Optional.of(id);
    }

    Optional<String> text(String key) {
        return id(key).map(texts::get);
    }

    /** What stands for characters that no token spells. */
    Optional<String> unknown() {
        int at = types.indexOf(UNKNOWN);
        return text("tokenizer.ggml.unknown_token_id").or(() -> at < 0 ? Optional.empty() : Optional.of(texts.get(at)));
    }

    ObjectNode vocab() {
        ObjectNode vocab = JsonNodeFactory.instance.objectNode();
        for (int id = 0; id < texts.size(); id++) {
            if (used(id)) {
                vocab.put(texts.get(id), id);
            }
        }
        return vocab;
    }

    /** Tokens that are found in a text before it is divided. */
    ArrayNode added() {
        ArrayNode added = JsonNodeFactory.instance.arrayNode();
        for (int id = 0; id < texts.size(); id++) {
            long type = types.get(id);
            if (used(id) && (type == CONTROL || type == USER_DEFINED || type == UNKNOWN)) {
                added.addObject()
                        .put("id", id)
                        .put("content", texts.get(id))
                        .put("single_word", false)
                        .put("lstrip", false)
                        .put("rstrip", false)
                        .put("normalized", false)
                        .put("special", type != USER_DEFINED);
            }
        }
        return added;
    }

    /** Ids of the given texts that are control tokens. */
    List<Integer> controls(Set<String> names) {
        List<Integer> ids = new ArrayList<>();
        for (int id = 0; id < texts.size(); id++) {
            if (control(id) && names.contains(texts.get(id))) {
                ids.add(id);
            }
        }
        return ids;
    }
}
