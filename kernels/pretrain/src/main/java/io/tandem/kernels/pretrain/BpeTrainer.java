package io.tandem.kernels.pretrain;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Learns byte-level BPE merges: always the most frequent pair, the smaller ids where two are equally frequent. */
final class BpeTrainer {
    private final Map<String, Integer> counts = new HashMap<>();

    void read(String text) {
        for (String special : Corpus.SPECIALS) {
            text = text.replace(special, "\n");
        }
        for (String piece : PreTokenizer.pieces(text)) {
            counts.merge(piece, 1, Integer::sum);
        }
    }

    /** A tokenizer of the given number of tokens, special ones included. */
    BpeTokenizer train(int vocabulary) {
        List<int[]> symbols = new ArrayList<>();
        List<Integer> weights = new ArrayList<>();
        counts.keySet().stream().sorted().forEach(piece -> {
            symbols.add(BpeTokenizer.byteIds(piece.getBytes(StandardCharsets.UTF_8)));
            weights.add(counts.getOrDefault(piece, 0));
        });
        List<int[]> merges = new ArrayList<>();
        for (int next = BpeTokenizer.FIRST_MERGE; next < vocabulary; next++) {
            Map<Long, Long> pairs = new HashMap<>();
            for (int word = 0; word < symbols.size(); word++) {
                int[] ids = symbols.get(word);
                for (int i = 0; i + 1 < ids.length; i++) {
                    pairs.merge(BpeTokenizer.pair(ids[i], ids[i + 1]), (long) weights.get(word), Long::sum);
                }
            }
            if (pairs.isEmpty()) {
                throw new IllegalStateException("text too small for " + vocabulary + " tokens, it gives " + next);
            }
            long best = best(pairs);
            int[] merge = {(int) (best >>> 32), (int) best};
            merges.add(merge);
            int id = next;
            symbols.replaceAll(ids -> BpeTokenizer.merged(ids, merge[0], merge[1], id));
        }
        return new BpeTokenizer(merges);
    }

    private static long best(Map<Long, Long> pairs) {
        long best = Long.MAX_VALUE;
        long most = 0;
        for (Map.Entry<Long, Long> pair : pairs.entrySet()) {
            boolean tie = pair.getValue() == most && pair.getKey() < best;
            if (pair.getValue() > most || tie) {
                best = pair.getKey();
                most = pair.getValue();
            }
        }
        return best;
    }
}
