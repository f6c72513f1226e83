package io.tandem.server.text;

import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A tokenizer as Llama 2's, which writes a space before a text: some letters, one merge, and its chat template. */
public final class SentencePieceFiles {
    private static final List<String> SPECIAL = List.of("<unk>", "<s>", "</s>");
    private static final String SPACE = "\u2581";
    private static final String TEMPLATE = "{% for m in messages %}{% if m.role == 'user' %}"
            + "{{ '<s>[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + ' </s>' }}{% endif %}"
            + "{% endfor %}";

    private SentencePieceFiles() {}

    /** Replaces the tokenizer of a model directory. */
    public static void write(Path directory) throws IOException {
        Map<String, Integer> vocab = new LinkedHashMap<>();
        SPECIAL.forEach(token -> vocab.put(token, vocab.size()));
        for (String token : List.of("<0x0A>", SPACE, "[", "]", "/", ":", "I", "N", "S", "T", "a", "b", "c")) {
            vocab.put(token, vocab.size());
        }
        vocab.put(SPACE + "a", vocab.size());
        Map<String, Object> json = Map.of(
                "version", "1.0",
                "added_tokens", added(vocab),
                "normalizer", normalizer(),
                "decoder", Map.of("type", "ByteFallback"),
                "model", model(vocab));
        write(directory.resolve("tokenizer.json"), json);
        write(directory.resolve("tokenizer_config.json"), Map.of("chat_template", TEMPLATE));
        write(directory.resolve("generation_config.json"), Map.of("eos_token_id", vocab.get("</s>")));
    }

    private static List<Map<String, Object>> added(Map<String, Integer> vocab) {
        List<Map<String, Object>> added = new ArrayList<>();
        for (String token : SPECIAL) {
            added.add(Map.of(
                    "id", vocab.get(token),
                    "content", token,
                    "single_word", false,
                    "lstrip", false,
                    "rstrip", false,
                    "normalized", false,
                    "special", true));
        }
        return added;
    }

    private static Map<String, Object> normalizer() {
        Map<String, Object> prepend = Map.of("type", "Prepend", "prepend", SPACE);
        Map<String, Object> replace = Map.of("type", "Replace", "pattern", Map.of("String", " "), "content", SPACE);
        return Map.of("type", "Sequence", "normalizers", List.of(prepend, replace));
    }

    private static Map<String, Object> model(Map<String, Integer> vocab) {
        return Map.of(
                "type",
                "BPE",
                "unk_token",
                "<unk>",
                "fuse_unk",
                true,
                "byte_fallback",
                true,
                "vocab",
                vocab,
                "merges",
                List.of(SPACE + " a"));
    }

    private static void write(Path file, Map<String, Object> json) throws IOException {
        Files.write(file, JsonBody.MAPPER.writeValueAsBytes(json));
    }
}
