package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** Byte-level BPE as GPT-2 and its successors have it: tokens and merges are HuggingFace's own. */
final class BytePairs {
    private static final String MERGES = "tokenizer.ggml.merges";

    private BytePairs() {}

    /**
     * @return whether a text begins with a token if the file does not say
     * @throws io.tandem.kernels.weights.ModelFormatException if merges are missing, or it is not known how the tokenizer
     *     divides a text into words
     */
    static boolean write(Tokens tokens, ObjectNode json) {
        Metadata metadata = tokens.metadata();
        if (!metadata.has(MERGES)) {
            throw metadata.refuse(MERGES, "a list of merges");
        }
        PreTokenizer words = PreTokenizer.of(metadata);
        words.write(json);
        json.putObject("decoder").put("type", "ByteLevel");
        ObjectNode model = json.putObject("model").put("type", "BPE").put("ignore_merges", words.wholeWordsFirst());
        model.set("vocab", tokens.vocab());
        ArrayNode merges = model.putArray("merges");
        List<String> texts = metadata.list(MERGES, String.class, "a list of strings");
        for (String merge : texts) {
            int space = merge.indexOf(' ', 1);
            if (space < 0 || space == merge.length() - 1) {
                throw metadata.refuse(MERGES, "two tokens with a space between them in each");
            }
            merges.addArray().add(merge.substring(0, space)).add(merge.substring(space + 1));
        }
        return words.wholeWordsFirst();
    }
}
