package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Refuses what the native library would not survive in a {@code tokenizer.json}: it panics where others throw, and a
 * panic ends the process.
 */
final class TokenizerFile {
    /** How often longer the normalizer may make a text. */
    private static final int MAX_GROWTH = 64;
    /** Others read tables out of the file, unchecked. */
    private static final Set<String> NORMALIZERS = Set.of(
            "Sequence",
            "NFC",
            "NFD",
            "NFKC",
            "NFKD",
            "Nmt",
            "Lowercase",
            "Strip",
            "StripAccents",
            "Replace",
            "Prepend",
            "BertNormalizer",
            "ByteLevel");

    private TokenizerFile() {}

    /**
     * Makes the tokenizer do no more than is wanted of it, and checks it.
     *
     * @return the longest text, in characters, that its regular expressions may be given
     * @throws ModelFormatException if it is refused
     */
    static int prepare(ObjectNode json) {
        json.putNull("truncation");
        json.putNull("padding");
        // They add special tokens and decode, which is done elsewhere.
        json.putNull("post_processor");
        json.putNull("decoder");
        if (json.path("model") instanceof ObjectNode model) {
            model.putNull("dropout");
            if (!model.path("continuing_subword_prefix").asText("").isEmpty()) {
                throw new ModelFormatException("model.continuing_subword_prefix is not supported");
            }
        }
        double growth = growth(json.path("normalizer"));
        if (growth > MAX_GROWTH) {
            throw new ModelFormatException("the normalizer may make a text more than " + MAX_GROWTH + " times as long");
        }
        return Math.min(maxChars(json.path("normalizer")), maxChars(json.path("pre_tokenizer")));
    }

    private static double growth(JsonNode normalizer) {
        if (normalizer.isMissingNode() || normalizer.isNull()) {
            return 1;
        }
        String type = normalizer.path("type").asText();
        if (!NORMALIZERS.contains(type)) {
            throw new ModelFormatException("the normalizer " + JsonFile.excerpt(type) + " is not supported");
        }
        double growth = 1;
        for (JsonNode part : normalizer.path("normalizers")) {
            growth *= growth(part);
        }
        if (type.equals("Prepend")) {
            growth = Math.max(1, bytes(normalizer.path("prepend")));
        } else if (type.equals("Replace")) {
            // An expression may match a single character, and an empty one between any two.
            double content = bytes(normalizer.path("content"));
            growth = Math.max(
                    1,
                    1 + content / Math.max(1, bytes(normalizer.path("pattern").path("String"))));
        }
        return growth;
    }

    private static int bytes(JsonNode text) {
        return text.asText("").getBytes(StandardCharsets.UTF_8).length;
    }

    private static int maxChars(JsonNode part) {
        int chars = PatternCost.maxChars("");
        JsonNode regex = part.path("pattern").path("Regex");
        if (regex.isTextual()) {
            try {
                chars = PatternCost.maxChars(regex.textValue());
            } catch (IllegalArgumentException e) {
                throw new ModelFormatException(
                        "the regular expression " + JsonFile.excerpt(regex.textValue()) + " is refused: it "
                                + e.getMessage() + ", which would end the server",
                        e);
            }
        }
        for (JsonNode child : part) {
            chars = child.isContainerNode() ? Math.min(chars, maxChars(child)) : chars;
        }
        return chars;
    }

    /** Tokens that the file's post-processor puts before a text. */
    static int[] beginning(ObjectNode json) {
        List<Integer> ids = new ArrayList<>();
        JsonNode processor = json.path("post_processor");
        for (JsonNode one : processor.path("type").asText().equals("Sequence")
                ? processor.path("processors")
                : List.of(processor)) {
            if (!one.path("type").asText().equals("TemplateProcessing")) {
                continue;
            }
            for (JsonNode item : one.path("single")) {
                if (item.has("Sequence")) {
                    break;
                }
                String token = item.path("SpecialToken").path("id").asText();
                for (JsonNode id : one.path("special_tokens").path(token).path("ids")) {
                    if (!id.isInt() || id.intValue() < 0) {
                        throw new ModelFormatException("post_processor: the ids of " + JsonFile.excerpt(token)
                                + " hold " + JsonFile.excerpt(id.toString()) + ", expected token ids");
                    }
                    ids.add(id.intValue());
                }
            }
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }
}
