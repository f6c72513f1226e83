package io.tandem.server.text.constrained;

import io.tandem.server.text.grammar.GrammarException;
import io.tandem.server.text.grammar.GrammarState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The bytes of all tokens as a trie, laid out in the order in which a walk comes to its nodes: tokens with the same
 * beginning are refused together.
 */
final class Vocabulary {
    /** About a second. */
    private static final int MAX_WORK = 1_000_000;

    private final byte[][] spellings;
    /** Ids of the tokens that spell something, in the order of their bytes. */
    private final int[] tokens;
    /** Of each node: its byte, how many bytes lead to it, the first node that is not below it. */
    private final byte[] bytes;

    private final int[] depths;
    private final int[] ends;
    /** Of each node, and once more at the end: the first of {@link #tokens} that ends there or later. */
    private final int[] first;

    private final int longest;

    private Vocabulary(byte[][] spellings, int[] tokens, int nodes, int longest) {
        this.spellings = spellings;
        this.tokens = tokens;
        this.bytes = new byte[nodes];
        this.depths = new int[nodes];
        this.ends = new int[nodes];
        this.first = new int[nodes + 1];
        this.longest = longest;
        fill();
    }

    /**
     * @param size how many ids there are
     * @param spelling of each token; empty for those that are no text
     */
    static Vocabulary of(int size, IntFunction<byte[]> spelling) {
        byte[][] spellings = new byte[size][];
        List<Integer> ids = new ArrayList<>();
        int longest = 0;
        for (int id = 0; id < size; id++) {
            spellings[id] = spelling.apply(id);
            longest = Math.max(longest, spellings[id].length);
            if (spellings[id].length > 0) {
                ids.add(id);
            }
        }
        ids.sort((a, b) -> Arrays.compareUnsigned(spellings[a], spellings[b]));
        int[] tokens = ids.stream().mapToInt(Integer::intValue).toArray();
        int nodes = 0;
        for (int i = 0; i < tokens.length; i++) {
            nodes += spellings[tokens[i]].length - common(spellings, tokens, i);
        }
        return new Vocabulary(spellings, tokens, nodes, longest);
    }

    /** Bytes that a token shares with the one before it. */
    private static int common(byte[][] spellings, int[] tokens, int i) {
        if (i == 0) {
            return 0;
        }
        int mismatch = Arrays.mismatch(spellings[tokens[i - 1]], spellings[tokens[i]]);
        return mismatch < 0 ? spellings[tokens[i]].length : mismatch;
    }

    private void fill() {
        int node = 0;
        int[] path = new int[longest + 1];
        int open = 0;
        for (int i = 0; i < tokens.length; i++) {
            byte[] spelling = spellings[tokens[i]];
            int shared = common(spellings, tokens, i);
            for (; open > shared; open--) {
                ends[path[open]] = node;
            }
            for (int depth = shared + 1; depth <= spelling.length; depth++) {
                bytes[node] = spelling[depth - 1];
                depths[node] = depth;
                first[node] = i;
                path[depth] = node++;
            }
            open = spelling.length;
        }
        for (; open > 0; open--) {
            ends[path[open]] = node;
        }
        first[node] = tokens.length;
    }

    /** What a token spells; empty for those that are no text. */
    byte[] spelling(int token) {
        return spellings[token];
    }

    /** Bytes that are tokens of their own. */
    BitSet singles() {
        BitSet singles = new BitSet();
        for (int token : tokens) {
            if (spellings[token].length == 1) {
                singles.set(spellings[token][0] & 0xff);
            }
        }
        return singles;
    }

    /**
     * Tokens all of whose bytes may follow, as bits of {@code words}.
     *
     * @throws GrammarException if that takes too long
     */
    void allow(GrammarState from, long[] words) {
        GrammarState[] path = new GrammarState[longest + 1];
        path[0] = from;
        int work = 0;
        int node = 0;
        while (node < bytes.length) {
            GrammarState before = path[depths[node] - 1];
            GrammarState reached = before.known(bytes[node]);
            if (reached == null) {
                reached = before.next(bytes[node]);
                work += 1 + before.ways() + reached.ways();
                if (work > MAX_WORK) {
                    throw new GrammarException(
                            "", "can be read in too many ways at once; make its alternatives differ sooner");
                }
            }
            if (reached.isDead()) {
                node = ends[node];
                continue;
            }
            path[depths[node]] = reached;
            // Tokens that end at a node come before those below it.
            for (int i = first[node]; i < first[node + 1]; i++) {
                words[tokens[i] >> 6] |= 1L << tokens[i];
            }
            node++;
        }
    }
}
