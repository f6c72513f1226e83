package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How a byte-level tokenizer divides a text into words. Files name that only ({@code tokenizer.ggml.pre}); the expressions
 * are those of the models' own {@code tokenizer.json}.
 *
 * @param patterns each divides what the ones before it have left
 * @param gpt2 whether GPT-2's own expression, which libraries know, comes last
 * @param digits whether each digit is a word
 * @param composed whether characters are composed first (Unicode's NFC)
 * @param wholeWordsFirst whether a word that is a token is left whole; these models also begin a text with a token
 */
record PreTokenizer(List<String> patterns, boolean gpt2, boolean digits, boolean composed, boolean wholeWordsFirst) {
    private static final String KEY = "tokenizer.ggml.pre";

    private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private static final String REST = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String GPT4 =
            CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" + REST;
    private static final String QWEN =
            CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" + REST;
    private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";

    private static final Map<String, PreTokenizer> KNOWN = known();

    private static Map<String, PreTokenizer> known() {
        Map<String, PreTokenizer> known = new TreeMap<>();
        PreTokenizer llama3 = new PreTokenizer(List.of(GPT4), false, false, false, true);
        List.of("llama-bpe", "llama3", "llama-v3").forEach(name -> known.put(name, llama3));
        PreTokenizer gpt4 = new PreTokenizer(List.of(GPT4), false, false, false, false);
        List.of("dbrx", "smaug-bpe").forEach(name -> known.put(name, gpt4));
        PreTokenizer qwen = new PreTokenizer(List.of(QWEN), false, false, true, false);
        List.of("qwen2", "deepseek-r1-qwen").forEach(name -> known.put(name, qwen));
        PreTokenizer gpt2 = new PreTokenizer(List.of(), true, false, false, false);
        List.of("gpt-2", "phi-2").forEach(name -> known.put(name, gpt2));
        PreTokenizer digits = new PreTokenizer(List.of(), true, true, false, false);
        List.of("smollm", "refact", "starcoder").forEach(name -> known.put(name, digits));
        String nemo = cased("", "\\p{N}");
        known.put("tekken", new PreTokenizer(List.of(nemo), false, false, false, true));
        String gpt4o = cased(CONTRACTIONS + "?", "\\p{N}{1,3}");
        known.put("gpt-4o", new PreTokenizer(List.of(gpt4o), false, false, false, false));
        // llama.cpp's own, of models that were converted without a look at their tokenizer.
        List<String> rough = List.of(
                "[\\p{P}\\$\\+<=>\\^~\\|]+",
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
                "\\p{N}+",
                "[0-9][0-9][0-9]");
        known.put("default", new PreTokenizer(rough, false, false, false, false));
        return Collections.unmodifiableMap(known);
    }

    /** Words end before an upper-case letter that follows a lower-case one. */
    private static String cased(String behind, String numbers) {
        return BEFORE + UPPER + "*" + LOWER + "+" + behind + "|" + BEFORE + UPPER + "+" + LOWER + "*" + behind + "|"
                + numbers + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" + REST;
    }

    static PreTokenizer of(Metadata metadata) {
        PreTokenizer known = KNOWN.get(metadata.text(KEY).orElse(""));
        if (known == null) {
            throw metadata.refuse(KEY, "one of " + String.join(", ", KNOWN.keySet()) + " (docs/models.md)");
        }
        return known;
    }

    void write(ObjectNode json) {
        if (composed) {
            json.putObject("normalizer").put("type", "NFC");
        }
        ArrayNode steps =
                json.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        if (digits) {
            steps.addObject().put("type", "Digits").put("individual_digits", true);
        }
        for (String pattern : patterns) {
            ObjectNode split = steps.addObject()
                    .put("type", "Split")
                    .put("behavior", "Isolated")
                    .put("invert", false);
            split.putObject("pattern").put("Regex", pattern);
        }
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", false)
                .put("use_regex", gpt2);
    }
}
