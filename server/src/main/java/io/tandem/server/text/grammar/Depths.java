package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.GrammarBuilder.Node;
import java.util.Arrays;
import java.util.BitSet;

/**
 * How many rules must be open at once, at least, to come from a node to the end of its rule. With it, a text never takes
 * a way that the limit of nesting or an impossible value would end.
 */
final class Depths {
    static final int NEVER = Integer.MAX_VALUE / 2;

    private final Node[] nodes;
    private final BitSet usable;
    private final int[] depths;

    private Depths(Node[] nodes, BitSet usable) {
        this.nodes = nodes;
        this.usable = usable;
        this.depths = new int[nodes.length];
        Arrays.fill(depths, NEVER);
    }

    static int[] of(Node[] nodes, BitSet usable) {
        Depths search = new Depths(nodes, usable);
        boolean changed = true;
        while (changed) {
            changed = false;
            // Most edges lead to nodes that were made later.
            for (int i = nodes.length - 1; i >= 0; i--) {
                int depth = search.best(nodes[i]);
                changed |= depth < search.depths[i];
                search.depths[i] = Math.min(depth, search.depths[i]);
            }
        }
        return search.depths;
    }

    private int best(Node node) {
        int best = node.end ? 0 : NEVER;
        for (int i = 0; i < node.bytes.length; i += 3) {
            int next = usable.nextSetBit(node.bytes[i]);
            if (next >= 0 && next <= node.bytes[i + 1]) {
                best = Math.min(best, depths[node.bytes[i + 2]]);
            }
        }
        for (int to : node.empty) {
            best = Math.min(best, depths[to]);
        }
        for (int i = 0; i < node.calls.length; i += 2) {
            int behind = node.calls[i + 1];
            int opened = nodes[behind].returns() ? 0 : 1;
            best = Math.min(best, Math.max(depths[node.calls[i]] + opened, depths[behind]));
        }
        return Math.min(best, NEVER);
    }
}
