package io.tandem.kernels.pretrain;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Byte-level BPE. Ids: the special tokens, the 256 bytes, then one for each merge in order. */
final class BpeTokenizer {
    static final int FIRST_BYTE = Corpus.SPECIALS.size();
    static final int FIRST_MERGE = FIRST_BYTE + 256;
    private static final Pattern SPECIAL =
            Pattern.compile(Corpus.SPECIALS.stream().map(Pattern::quote).collect(Collectors.joining("|")));

    private final List<int[]> merges;
    private final List<byte[]> tokens = new ArrayList<>();
    private final Map<Long, Integer> ranks = new HashMap<>();
    private final Map<String, int[]> cache = new HashMap<>();

    /** @param merges pairs of ids, in the order in which they apply */
    BpeTokenizer(List<int[]> merges) {
        this.merges = List.copyOf(merges);
        Corpus.SPECIALS.forEach(special -> tokens.add(special.getBytes(StandardCharsets.UTF_8)));
        for (int value = 0; value < 256; value++) {
            tokens.add(new byte[] {(byte) value});
        }
        for (int[] merge : merges) {
            ranks.put(pair(merge[0], merge[1]), tokens.size());
            byte[] left = tokens.get(merge[0]);
            byte[] right = tokens.get(merge[1]);
            byte[] both = new byte[left.length + right.length];
            System.arraycopy(left, 0, both, 0, left.length);
            System.arraycopy(right, 0, both, left.length, right.length);
            tokens.add(both);
        }
    }

    int size() {
        return tokens.size();
    }

    List<int[]> merges() {
        return merges;
    }

    byte[] token(int id) {
        return tokens.get(id);
    }

    static int special(String token) {
        return Corpus.SPECIALS.indexOf(token);
    }

    int[] encode(String text) {
        Ids ids = new Ids();
        Matcher special = SPECIAL.matcher(text);
        int begin = 0;
        while (special.find()) {
            encodePlain(text.substring(begin, special.start()), ids);
            ids.add(special(special.group()));
            begin = special.end();
        }
        encodePlain(text.substring(begin), ids);
        return ids.toArray();
    }

    String decode(int[] ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(tokens.get(id));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private void encodePlain(String text, Ids ids) {
        for (String piece : PreTokenizer.pieces(text)) {
            ids.addAll(cache.computeIfAbsent(piece, this::encodePiece));
        }
    }

    private int[] encodePiece(String piece) {
        int[] ids = byteIds(piece.getBytes(StandardCharsets.UTF_8));
        while (true) {
            int best = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < ids.length; i++) {
                best = Math.min(best, ranks.getOrDefault(pair(ids[i], ids[i + 1]), Integer.MAX_VALUE));
            }
            if (best == Integer.MAX_VALUE) {
                return ids;
            }
            int[] merge = merges.get(best - FIRST_MERGE);
            ids = merged(ids, merge[0], merge[1], best);
        }
    }

    static long pair(int left, int right) {
        return (long) left << 32 | right;
    }

    static int[] byteIds(byte[] bytes) {
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = FIRST_BYTE + (bytes[i] & 0xFF);
        }
        return ids;
    }

    /** The ids with every adjacent pair replaced, from the left. */
    static int[] merged(int[] ids, int left, int right, int joined) {
        Ids out = new Ids();
        for (int i = 0; i < ids.length; i++) {
            boolean match = i + 1 < ids.length && ids[i] == left && ids[i + 1] == right;
            out.add(match ? joined : ids[i]);
            i += match ? 1 : 0;
        }
        return out.size() == ids.length ? ids : out.toArray();
    }
}
