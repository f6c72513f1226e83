package io.tandem.kernels.pretrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** HuggingFace's {@code tokenizer.json}, as far as this tokenizer needs it. */
final class TokenizerJson {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TokenizerJson() {}

    static ObjectNode write(BpeTokenizer tokenizer) {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < Corpus.SPECIALS.size(); id++) {
            ObjectNode token = added.addObject().put("id", id).put("content", Corpus.SPECIALS.get(id));
            token.put("single_word", false).put("lstrip", false).put("rstrip", false);
            token.put("normalized", false).put("special", true);
        }
        root.putNull("normalizer");
        ObjectNode pre = root.putObject("pre_tokenizer").put("type", "Sequence");
        ArrayNode steps = pre.putArray("pretokenizers");
        steps.addObject().put("type", "Digits").put("individual_digits", true);
        byteLevel(steps.addObject());
        byteLevel(root.putObject("post_processor"));
        byteLevel(root.putObject("decoder"));
        model(root.putObject("model"), tokenizer);
        return root;
    }

    static BpeTokenizer read(JsonNode root) {
        Map<String, Integer> ids = new HashMap<>();
        root.path("model")
                .path("vocab")
                .properties()
                .forEach(token -> ids.put(token.getKey(), token.getValue().intValue()));
        List<int[]> merges = new ArrayList<>();
        for (JsonNode merge : root.path("model").path("merges")) {
            merges.add(new int[] {
                id(ids, merge.get(0).textValue()), id(ids, merge.get(1).textValue())
            });
        }
        return new BpeTokenizer(merges);
    }

    private static int id(Map<String, Integer> ids, String token) {
        Integer id = ids.get(token);
        if (id == null) {
            throw new IllegalArgumentException("merge of a token that is not in the vocabulary: " + token);
        }
        return id;
    }

    private static void byteLevel(ObjectNode node) {
        node.put("type", "ByteLevel").put("add_prefix_space", false);
        node.put("trim_offsets", true).put("use_regex", true);
    }

    private static void model(ObjectNode model, BpeTokenizer tokenizer) {
        model.put("type", "BPE").putNull("dropout").putNull("unk_token");
        model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
        model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < tokenizer.size(); id++) {
            vocabulary.put(name(tokenizer, id), id);
        }
        ArrayNode merges = model.putArray("merges");
        for (int[] merge : tokenizer.merges()) {
            merges.addArray().add(name(tokenizer, merge[0])).add(name(tokenizer, merge[1]));
        }
    }

    private static String name(BpeTokenizer tokenizer, int id) {
        boolean special = id < BpeTokenizer.FIRST_BYTE;
        return special ? Corpus.SPECIALS.get(id) : ByteAlphabet.write(tokenizer.token(id));
    }
}
