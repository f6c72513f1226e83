package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.GrammarBuilder.Node;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;

/**
 * How many rules must be open at once, at least, to come from a node to the end of its rule. With it, a text never takes
 * a way that the limit of nesting or an impossible value would end.
 */
final class Depths {
    static final int NEVER = Integer.MAX_VALUE / 2;
    private static final int NOBODY = -1;

    private final Node[] nodes;
    private final BitSet usable;
    private final int[] depths;
    /** Who has to be looked at again when a node's depth falls: a list of entries for each node. */
    private final int[] lastEntry;

    private int[] dependents = new int[1024];
    private int[] entryBefore = new int[1024];
    private int entries;

    private Depths(Node[] nodes, BitSet usable) {
        this.nodes = nodes;
        this.usable = usable;
        this.depths = new int[nodes.length];
        this.lastEntry = new int[nodes.length];
        Arrays.fill(depths, NEVER);
        Arrays.fill(lastEntry, NOBODY);
    }

    static int[] of(Node[] nodes, BitSet usable) {
        Depths search = new Depths(nodes, usable);
        for (int i = 0; i < nodes.length; i++) {
            search.depend(i);
        }
        search.run();
        return search.depths;
    }

    private void depend(int dependent) {
        Node node = nodes[dependent];
        for (int i = 0; i < node.bytes.length; i += 3) {
            depend(dependent, node.bytes[i + 2]);
        }
        for (int to : node.empty) {
            depend(dependent, to);
        }
        for (int to : node.calls) {
            depend(dependent, to);
        }
    }

    private void depend(int dependent, int on) {
        if (entries == dependents.length) {
            dependents = Arrays.copyOf(dependents, 2 * entries);
            entryBefore = Arrays.copyOf(entryBefore, 2 * entries);
        }
        dependents[entries] = dependent;
        entryBefore[entries] = lastEntry[on];
        lastEntry[on] = entries++;
    }

    private void run() {
        Deque<Integer> fallen = new ArrayDeque<>();
        for (int i = 0; i < nodes.length; i++) {
            if (nodes[i].end) {
                depths[i] = 0;
                fallen.add(i);
            }
        }
        while (!fallen.isEmpty()) {
            for (int entry = lastEntry[fallen.remove()]; entry != NOBODY; entry = entryBefore[entry]) {
                int dependent = dependents[entry];
                int depth = best(nodes[dependent]);
                if (depth < depths[dependent]) {
                    depths[dependent] = depth;
                    fallen.add(dependent);
                }
            }
        }
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
