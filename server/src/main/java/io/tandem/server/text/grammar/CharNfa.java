package io.tandem.server.text.grammar;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A nondeterministic automaton over characters. Node 0 is where texts begin. */
final class CharNfa {
    static final int MAX_NODES = 50_000;

    /** A character of the set leads to the node. */
    record Edge(CharSet set, int to) {}

    private final List<List<Edge>> edges = new ArrayList<>();
    private final List<List<Integer>> empty = new ArrayList<>();
    private final BitSet ends = new BitSet();

    int node() {
        if (edges.size() == MAX_NODES) {
            throw new GrammarException(
                    "", "needs more than " + MAX_NODES + " states for one string; use smaller counts or lengths");
        }
        edges.add(new ArrayList<>());
        empty.add(new ArrayList<>());
        return edges.size() - 1;
    }

    void edge(int from, CharSet set, int to) {
        if (!set.isEmpty()) {
            edges.get(from).add(new Edge(set, to));
        }
    }

    void empty(int from, int to) {
        empty.get(from).add(to);
    }

    void end(int node) {
        ends.set(node);
    }

    int size() {
        return edges.size();
    }

    List<Edge> edges(int node) {
        return edges.get(node);
    }

    List<Integer> empty(int node) {
        return empty.get(node);
    }

    boolean ends(int node) {
        return ends.get(node);
    }

    /**
     * Texts of so many characters.
     *
     * @param most -1 if there is no limit
     */
    static CharNfa ofLength(int least, int most) {
        CharNfa nfa = new CharNfa();
        int at = nfa.node();
        for (int length = 0; length < Math.max(least, most); length++) {
            if (length >= least) {
                nfa.end(at);
            }
            int next = nfa.node();
            nfa.edge(at, CharSet.ALL, next);
            at = next;
        }
        nfa.end(at);
        if (most < 0) {
            nfa.edge(at, CharSet.ALL, at);
        }
        return nfa;
    }

    /** Texts of these characters, at least one, that are none of the given ones. */
    static CharNfa otherThan(CharSet characters, Iterable<String> texts) {
        CharNfa nfa = new CharNfa();
        int root = nfa.node();
        int others = nfa.node();
        nfa.end(others);
        nfa.edge(others, characters, others);
        List<Map<Integer, Integer>> children = new ArrayList<>(List.of(new HashMap<>(), new HashMap<>()));
        BitSet excluded = new BitSet();
        for (String text : texts) {
            int at = root;
            for (int character : text.codePoints().toArray()) {
                Integer next = children.get(at).get(character);
                if (next == null) {
                    next = nfa.node();
                    children.add(new HashMap<>());
                    children.get(at).put(character, next);
                }
                at = next;
            }
            excluded.set(at);
        }
        for (int node = 0; node < nfa.size(); node++) {
            if (node == others) {
                continue;
            }
            Map<Integer, Integer> own = children.get(node);
            for (Map.Entry<Integer, Integer> child : own.entrySet()) {
                nfa.edge(node, CharSet.of(child.getKey(), child.getKey()).and(characters), child.getValue());
            }
            int[] named = own.keySet().stream().mapToInt(Integer::intValue).toArray();
            nfa.edge(node, characters.without(named), others);
            if (node != root && !excluded.get(node)) {
                nfa.end(node);
            }
        }
        return nfa;
    }

    /** Texts of both. */
    CharNfa and(CharNfa other) {
        CharNfa both = new CharNfa();
        Map<Long, Integer> numbers = new HashMap<>();
        Deque<int[]> open = new ArrayDeque<>();
        both.pair(0, 0, numbers, open);
        while (!open.isEmpty()) {
            int[] pair = open.pop();
            int from = both.pair(pair[0], pair[1], numbers, open);
            if (ends(pair[0]) && other.ends(pair[1])) {
                both.end(from);
            }
            for (int to : empty(pair[0])) {
                both.empty(from, both.pair(to, pair[1], numbers, open));
            }
            for (int to : other.empty(pair[1])) {
                both.empty(from, both.pair(pair[0], to, numbers, open));
            }
            for (Edge mine : edges(pair[0])) {
                for (Edge its : other.edges(pair[1])) {
                    CharSet common = mine.set().equals(its.set())
                            ? mine.set()
                            : mine.set().and(its.set());
                    if (!common.isEmpty()) {
                        both.edge(from, common, both.pair(mine.to(), its.to(), numbers, open));
                    }
                }
            }
        }
        return both;
    }

    private int pair(int mine, int its, Map<Long, Integer> numbers, Deque<int[]> open) {
        Long key = (long) mine << 32 | its;
        Integer known = numbers.get(key);
        if (known == null) {
            known = node();
            numbers.put(key, known);
            open.push(new int[] {mine, its});
        }
        return known;
    }
}
