package io.tandem.server.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/** HuggingFace's {@code tokenizer.json}. It never adds, truncates or pads: templates write what belongs there. */
public final class JsonTokenizer implements Tokenizer {
    private static final int MAX_FILE_BYTES = 64 << 20;

    private final HuggingFaceTokenizer parsing;
    /** Knows no special tokens, so that no text of a user can become one. */
    private final HuggingFaceTokenizer plain;

    private final TokenTable table;
    /** Whether a space is written at the beginning of a text, as SentencePiece does. */
    private final boolean marksBeginnings;

    private JsonTokenizer(HuggingFaceTokenizer parsing, HuggingFaceTokenizer plain, TokenTable table) {
        this.parsing = parsing;
        this.plain = plain;
        this.table = table;
        int[] tokens = encode("a", true);
        this.marksBeginnings = tokens.length > 0 && token(tokens[0]).startsWith(" ");
    }

    /** @throws ModelFormatException if the file is missing or damaged, or of a kind that is not supported */
    public static JsonTokenizer load(Path modelDir) {
        Path file = modelDir.resolve("tokenizer.json");
        ObjectNode json = JsonFile.object(file, MAX_FILE_BYTES);
        try {
            JsonNode type = json.path("model").path("type");
            // Older files do not say the type, but only BPE has merges.
            boolean bpe = type.isMissingNode()
                    ? json.path("model").has("merges")
                    : type.asText().equals("BPE");
            if (!bpe) {
                throw new ModelFormatException("model.type is " + JsonFile.excerpt(type.toString()) + ", expected BPE");
            }
            TokenTable table = TokenTable.read(json);
            json.putNull("truncation");
            json.putNull("padding");
            HuggingFaceTokenizer parsing = open(json);
            forgetSpecialTokens(json);
            return new JsonTokenizer(parsing, open(json), table);
        } catch (ModelFormatException e) {
            throw new ModelFormatException(file + ": " + e.getMessage(), e);
        }
    }

    private static void forgetSpecialTokens(ObjectNode json) {
        ArrayNode kept = json.arrayNode();
        ObjectNode model = (ObjectNode) json.path("model");
        for (JsonNode token : json.path("added_tokens")) {
            if (!token.path("special").asBoolean()) {
                kept.add(token);
            } else if (model.path("ignore_merges").asBoolean()
                    && !token.path("content").equals(model.get("unk_token"))) {
                // With this switch a word that is in the vocabulary becomes that token whatever the merges say.
                ((ObjectNode) model.path("vocab")).remove(token.path("content").asText());
            }
        }
        json.set("added_tokens", kept);
    }

    private static HuggingFaceTokenizer open(ObjectNode json) {
        Map<String, String> options = Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");
        try {
            return HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(JsonFile.MAPPER.writeValueAsBytes(json)), options);
        } catch (IOException | RuntimeException e) {
            throw new ModelFormatException("is no tokenizer: " + JsonFile.excerpt(String.valueOf(e.getMessage())), e);
        }
    }

    @Override
    public int[] encode(String text, boolean parseSpecialTokens) {
        if (text.isEmpty()) {
            return new int[0];
        }
        HuggingFaceTokenizer tokenizer = parseSpecialTokens ? parsing : plain;
        long[] ids = tokenizer.encode(wellFormed(text), false, false).getIds();
        int[] tokens = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            tokens[i] = Math.toIntExact(ids[i]);
        }
        return tokens;
    }

    @Override
    public int[] encodeBehind(String before, String text) {
        if (!marksBeginnings || before.isEmpty()) {
            return encode(text, true);
        }
        // Where a token would reach across the border, a line end stands in: tokens end there.
        return tail(before, text).or(() -> tail("\n", text)).orElseGet(() -> encode(text, true));
    }

    private Optional<int[]> tail(String before, String text) {
        int[] head = encode(before, true);
        int[] whole = encode(before + text, true);
        boolean begins = head.length <= whole.length && Arrays.mismatch(head, Arrays.copyOf(whole, head.length)) < 0;
        return begins ? Optional.of(Arrays.copyOfRange(whole, head.length, whole.length)) : Optional.empty();
    }

    /** JSON may hold half a surrogate pair, which is no text to the native library. */
    private static String wellFormed(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text)
                ? text
                : text.codePoints()
                        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
    }

    @Override
    public Detokenizer detokenizer() {
        return new Detokenizer() {
            private final Utf8Stream stream = new Utf8Stream();

            @Override
            public String accept(int id) {
                return table.special(id) ? "" : stream.accept(table.bytes(id));
            }

            @Override
            public String finish() {
                return stream.finish();
            }
        };
    }

    @Override
    public String token(int id) {
        return new String(table.bytes(id), StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return table.bytes(id).clone();
    }

    /** The id of a token by its name, for example {@code <|im_end|>}. */
    Optional<Integer> id(String token) {
        return table.id(token);
    }
}
