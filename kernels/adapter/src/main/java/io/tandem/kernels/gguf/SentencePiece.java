package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * SentencePiece's BPE (Kudo and Richardson, 2018), which merges the neighbours that make the token with the highest score.
 * HuggingFace's has a list of merges instead, made here as transformers does.
 */
final class SentencePiece {
    private static final String SCORES = "tokenizer.ggml.scores";
    private static final String SPACE = "\u2581";

    private final Tokens tokens;
    private final List<Double> scores;
    private final Map<String, Integer> ids = new HashMap<>();

    private SentencePiece(Tokens tokens) {
        this.tokens = tokens;
        this.scores = tokens.metadata().list(SCORES, Double.class, "a list of numbers");
        if (scores.size() != tokens.texts().size()) {
            throw tokens.metadata().refuse(SCORES, tokens.texts().size() + " scores, one for each token");
        }
        for (int id = 0; id < scores.size(); id++) {
            if (tokens.merged(id)) {
                ids.put(tokens.texts().get(id), id);
            }
        }
    }

    /**
     * @return whether a text begins with a token if the file does not say
     * @throws ModelFormatException if scores are missing
     */
    static boolean write(Tokens tokens, ObjectNode json) {
        ObjectNode normalizer = json.putObject("normalizer").put("type", "Sequence");
        ArrayNode steps = normalizer.putArray("normalizers");
        if (tokens.metadata().bool("tokenizer.ggml.add_space_prefix", true)) {
            steps.addObject().put("type", "Prepend").put("prepend", SPACE);
        }
        ObjectNode replace = steps.addObject().put("type", "Replace").put("content", SPACE);
        replace.putObject("pattern").put("String", " ");
        json.putObject("decoder").put("type", "ByteFallback");
        ObjectNode model = json.putObject("model")
                .put("type", "BPE")
                .put("fuse_unk", true)
                .put("byte_fallback", tokens.hasBytes());
        tokens.unknown().ifPresent(unknown -> model.put("unk_token", unknown));
        model.set("vocab", tokens.vocab());
        ArrayNode merges = model.putArray("merges");
        for (Merge merge : new SentencePiece(tokens).merges()) {
            merges.addArray().add(merge.left()).add(merge.right());
        }
        return true;
    }

    /** Two tokens that become one. */
    private record Merge(String left, String right, double score) {
        static final Comparator<Merge> ORDER = Comparator.comparingDouble(Merge::score)
                .thenComparingInt(merge -> length(merge.left()))
                .thenComparingInt(merge -> length(merge.right()))
                .reversed();

        private static int length(String text) {
            return text.codePointCount(0, text.length());
        }
    }

    private List<Merge> merges() {
        List<Merge> merges = new ArrayList<>();
        for (int id = 0; id < scores.size(); id++) {
            if (tokens.merged(id)) {
                addMerges(tokens.texts().get(id), scores.get(id), merges);
            }
        }
        merges.sort(Merge.ORDER);
        return merges;
    }

    private void addMerges(String token, double score, List<Merge> merges) {
        int from = merges.size();
        for (int at = token.offsetByCodePoints(0, 1); at < token.length(); at = token.offsetByCodePoints(at, 1)) {
            String left = token.substring(0, at);
            String right = token.substring(at);
            if (ids.containsKey(left) && ids.containsKey(right)) {
                merges.add(new Merge(left, right, score));
            }
        }
        merges.subList(from, merges.size())
                .sort(Comparator.comparing((Merge merge) -> ids.getOrDefault(merge.left(), 0))
                        .thenComparing(merge -> ids.getOrDefault(merge.right(), 0)));
    }
}
