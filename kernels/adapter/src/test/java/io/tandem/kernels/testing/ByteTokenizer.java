package io.tandem.kernels.testing;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files of a byte-level tokenizer without merges: the token of a byte is its value, and four special tokens follow.
 * Its chat template is ChatML.
 */
public final class ByteTokenizer {
    /** Begins a text, and ends one that is not a conversation. */
    public static final int END_OF_TEXT = 256;
    /** Begins a message. */
    public static final int START_OF_MESSAGE = 257;
    /** Ends a message. */
    public static final int END_OF_MESSAGE = 258;

    public static final int PADDING = 259;
    /** Number of tokens. */
    public static final int VOCAB = 260;

    private static final List<String> SPECIAL = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>");
    private static final String CHAT_TEMPLATE = "{% for message in messages %}"
            + "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            + "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private ByteTokenizer() {}

    /** {@code tokenizer.json}. */
    static Map<String, @Nullable Object> tokenizer() {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("version", "1.0");
        fields.put("truncation", null);
        fields.put("padding", null);
        fields.put("added_tokens", addedTokens());
        fields.put("normalizer", null);
        fields.put("pre_tokenizer", byteLevel());
        fields.put("post_processor", null);
        fields.put("decoder", byteLevel());
        fields.put("model", model());
        return fields;
    }

    /** The same in a GGUF file. */
    static void gguf(GgufWriter file) {
        List<String> tokens = new ArrayList<>();
        List<Integer> types = new ArrayList<>();
        for (int value = 0; value < 256; value++) {
            tokens.add(printable(value));
            types.add(1);
        }
        SPECIAL.forEach(token -> {
            tokens.add(token);
            types.add(3);
        });
        file.put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", "gpt-2")
                .put("tokenizer.ggml.tokens", tokens)
                .put("tokenizer.ggml.token_type", types)
                .put("tokenizer.ggml.merges", List.of())
                .put("tokenizer.ggml.bos_token_id", END_OF_TEXT)
                .put("tokenizer.ggml.eos_token_id", END_OF_MESSAGE)
                .put("tokenizer.ggml.padding_token_id", PADDING)
                .put("tokenizer.ggml.add_bos_token", false)
                .put("tokenizer.chat_template", CHAT_TEMPLATE);
    }

    private static List<Map<String, Object>> addedTokens() {
        List<Map<String, Object>> tokens = new ArrayList<>();
        for (int i = 0; i < SPECIAL.size(); i++) {
            Map<String, Object> token = new LinkedHashMap<>();
            token.put("id", 256 + i);
            token.put("content", SPECIAL.get(i));
            token.put("single_word", false);
            token.put("lstrip", false);
            token.put("rstrip", false);
            token.put("normalized", false);
            token.put("special", true);
            tokens.add(token);
        }
        return tokens;
    }

    private static Map<String, Object> byteLevel() {
        return Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", false, "use_regex", false);
    }

    private static Map<String, @Nullable Object> model() {
        Map<String, Integer> vocab = new LinkedHashMap<>();
        for (int value = 0; value < 256; value++) {
            vocab.put(printable(value), value);
        }
        for (int i = 0; i < SPECIAL.size(); i++) {
            vocab.put(SPECIAL.get(i), 256 + i);
        }
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("type", "BPE");
        fields.put("dropout", null);
        fields.put("unk_token", null);
        fields.put("continuing_subword_prefix", null);
        fields.put("end_of_word_suffix", null);
        fields.put("fuse_unk", false);
        fields.put("byte_fallback", false);
        fields.put("vocab", vocab);
        fields.put("merges", List.of());
        return fields;
    }

    /** Byte-level tokenizers spell bytes that do not print with the characters from U+0100 on, in order. */
    private static String printable(int value) {
        int hidden = 0;
        for (int b = 0; b < 256; b++) {
            boolean prints = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            if (b == value) {
                return String.valueOf((char) (prints ? b : 0x100 + hidden));
            }
            hidden += prints ? 0 : 1;
        }
        throw new IllegalArgumentException("not a byte: " + value);
    }

    /** {@code tokenizer_config.json}. */
    static Map<String, Object> tokenizerConfig() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("tokenizer_class", "PreTrainedTokenizerFast");
        fields.put("bos_token", SPECIAL.get(0));
        fields.put("eos_token", SPECIAL.get(2));
        fields.put("pad_token", SPECIAL.get(3));
        fields.put("add_bos_token", false);
        fields.put("clean_up_tokenization_spaces", false);
        fields.put("model_max_length", 512);
        fields.put("chat_template", CHAT_TEMPLATE);
        return fields;
    }

    /** {@code generation_config.json}. */
    static Map<String, Object> generationConfig() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("bos_token_id", END_OF_TEXT);
        fields.put("eos_token_id", List.of(END_OF_MESSAGE, END_OF_TEXT));
        fields.put("pad_token_id", PADDING);
        return fields;
    }
}
