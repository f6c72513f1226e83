package io.tandem.server.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.Utf8;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** HuggingFace's {@code tokenizer.json}. It never adds, truncates or pads: templates write what belongs there. */
public final class JsonTokenizer implements Tokenizer {
    private static final String NAME = "tokenizer.json";
    private static final int MAX_FILE_BYTES = 64 << 20;
    /** How often longer a text may be than its tokens, if a normalizer drops some of it. */
    private static final int DROPPED = 8;
    /** More than the native library asks of the heap for a piece. */
    private static final int RESERVE_BYTES = 1 << 18;

    private final HuggingFaceTokenizer parsing;
    /** Knows no special tokens, so that no text of a user can become one. */
    private final HuggingFaceTokenizer plain;

    private final TokenTable table;
    private final TextPieces pieces;
    /** Most bytes of one token, with what a normalizer may drop. */
    private final long tokenBytes;
    /** What the file's post-processor puts before a text. */
    private final int[] beginning;
    /** Whether a space is written at the beginning of a text, as SentencePiece does. */
    private final boolean marksBeginnings;

    private JsonTokenizer(
            HuggingFaceTokenizer parsing,
            HuggingFaceTokenizer plain,
            TokenTable table,
            TextPieces pieces,
            long tokenBytes,
            int[] beginning) {
        this.parsing = parsing;
        this.plain = plain;
        this.table = table;
        this.pieces = pieces;
        this.tokenBytes = tokenBytes;
        this.beginning = beginning;
        int[] tokens = encode("a", true);
        this.marksBeginnings = tokens.length > 0 && token(tokens[0]).startsWith(" ");
    }

    /** @throws ModelFormatException if the file is missing or damaged, or of a kind that is not supported */
    public static JsonTokenizer load(ModelFiles files) {
        ObjectNode json = JsonFile.object(files, NAME, MAX_FILE_BYTES);
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
            boolean drops = json.hasNonNull("normalizer") || json.path("model").hasNonNull("unk_token");
            int[] beginning = TokenizerFile.beginning(json);
            TextPieces pieces = new TextPieces(TokenizerFile.prepare(json), table.texts(), table.added());
            HuggingFaceTokenizer parsing = open(json);
            forgetSpecialTokens(json);
            return new JsonTokenizer(
                    parsing, open(json), table, pieces, (long) table.longest() * (drops ? DROPPED : 1), beginning);
        } catch (ModelFormatException e) {
            throw new ModelFormatException(files.path(NAME) + ": " + e.getMessage(), e);
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
        List<String> parts = pieces.of(wellFormed(text));
        List<int[]> tokens = new ArrayList<>(parts.size());
        for (String part : parts) {
            boolean behind = marksBeginnings && !tokens.isEmpty();
            tokens.add(behind ? behindLineEnd(tokenizer, part) : encodePiece(tokenizer, part));
        }
        return tokens.stream().flatMapToInt(Arrays::stream).toArray();
    }

    /**
     * The library's wrapping would make a dozen arrays and an object of each token in native code, where a full heap
     * ends the process.
     */
    private static int[] encodePiece(HuggingFaceTokenizer tokenizer, String text) {
        requireHeap();
        long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, false);
        try {
            long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
            int[] tokens = new int[ids.length];
            for (int i = 0; i < ids.length; i++) {
                tokens[i] = Math.toIntExact(ids[i]);
            }
            return tokens;
        } finally {
            TokenizersLibrary.LIB.deleteEncoding(encoding);
        }
    }

    /** Out of memory here is an error of one request. */
    private static void requireHeap() {
        byte[] reserve = new byte[RESERVE_BYTES];
        try {
            reserve[0] = 1;
        } finally {
            Reference.reachabilityFence(reserve);
        }
    }

    private static int[] behindLineEnd(HuggingFaceTokenizer tokenizer, String text) {
        int[] head = encodePiece(tokenizer, "\n");
        int[] whole = encodePiece(tokenizer, "\n" + text);
        boolean begins = Arrays.mismatch(head, Arrays.copyOf(whole, head.length)) < 0;
        return begins ? Arrays.copyOfRange(whole, head.length, whole.length) : encodePiece(tokenizer, text);
    }

    @Override
    public int[] begin(int[] tokens) {
        boolean begun =
                tokens.length >= beginning.length && Arrays.equals(beginning, Arrays.copyOf(tokens, beginning.length));
        if (begun) {
            return tokens;
        }
        int[] all = Arrays.copyOf(beginning, beginning.length + tokens.length);
        System.arraycopy(tokens, 0, all, beginning.length, tokens.length);
        return all;
    }

    @Override
    public long maxBytes(int tokens) {
        return tokens * tokenBytes;
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

    /** Half a surrogate pair is no text to the native library. */
    private static String wellFormed(String text) {
        return Utf8.canEncode(text)
                ? text
                : text.codePoints()
                        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
    }

    @Override
    public Detokenizer detokenizer(boolean skipSpecialTokens, Set<String> shown) {
        Set<Integer> visible = shown.stream().flatMap(name -> id(name).stream()).collect(Collectors.toSet());
        return new Detokenizer() {
            private final Utf8Stream stream = new Utf8Stream();

            @Override
            public String accept(int id) {
                boolean hidden = skipSpecialTokens && table.special(id) && !visible.contains(id);
                return hidden ? "" : stream.accept(table.bytes(id));
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

    @Override
    public boolean special(int id) {
        return table.special(id);
    }

    TokenTable table() {
        return table;
    }

    /** The id of a token by its name, for example {@code <|im_end|>}. */
    Optional<Integer> id(String token) {
        return table.id(token);
    }
}
