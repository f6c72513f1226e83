package io.tandem.server.text.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * A grammar while it grows: nodes, and between them edges that read a byte of a range, that read nothing, or that read
 * what a rule reads. A rule is known by its first node and ends at any node that is marked as an end.
 */
final class GrammarBuilder {
    private static final int MAX_NODES = 200_000;
    private static final int[] NONE = {};

    /** A node and the edges that leave it, each kind in an array of its own. */
    static final class Node {
        /** First byte, last byte, target. */
        int[] bytes = NONE;

        int[] empty = NONE;
        /** First node of the rule, and where it goes on behind it. */
        int[] calls = NONE;

        boolean end;

        /** Whether there is nothing but the way back to the caller. */
        boolean returns() {
            return end && bytes.length == 0 && empty.length == 0 && calls.length == 0;
        }
    }

    private final List<Node> nodes = new ArrayList<>();

    int node() {
        if (nodes.size() == MAX_NODES) {
            throw new GrammarException(
                    "",
                    "needs an automaton of more than " + MAX_NODES + " states; use smaller counts or a simpler schema");
        }
        nodes.add(new Node());
        return nodes.size() - 1;
    }

    void bytes(int from, int first, int last, int to) {
        Node node = nodes.get(from);
        node.bytes = with(node.bytes, first, last, to);
    }

    void empty(int from, int to) {
        Node node = nodes.get(from);
        node.empty = with(node.empty, to);
    }

    void call(int from, int rule, int to) {
        Node node = nodes.get(from);
        node.calls = with(node.calls, rule, to);
    }

    void end(int node) {
        nodes.get(node).end = true;
    }

    /** Reads a text; returns the node behind it. */
    int literal(int from, String text) {
        int at = from;
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            int next = node();
            bytes(at, value & 0xff, value & 0xff, next);
            at = next;
        }
        return at;
    }

    private static int[] with(int[] array, int... more) {
        int[] longer = Arrays.copyOf(array, array.length + more.length);
        System.arraycopy(more, 0, longer, array.length, more.length);
        return longer;
    }

    /**
     * @param rule that whole texts follow
     * @param usable bytes that can be written one at a time, so that no text gets stuck in the middle of a longer token
     * @throws GrammarException if no text follows it
     */
    Grammar build(int rule, BitSet usable) {
        Node[] all = nodes.toArray(Node[]::new);
        int[] depths = Depths.of(all, usable);
        if (depths[rule] == Depths.NEVER) {
            throw new GrammarException("", "allows no value at all");
        }
        return new Grammar(all, depths, rule);
    }
}
