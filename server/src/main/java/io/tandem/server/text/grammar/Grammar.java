package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.GrammarBuilder.Node;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which texts may be written, byte by byte. States are computed when they are first reached, and shared by all texts that
 * reach them; all of this is safe from any thread.
 */
public final class Grammar {
    /** Values may be nested about this deep. */
    static final int MAX_DEPTH = 128;
    /** States that are kept for others; a state lives on as long as somebody stands in it. */
    private static final int MAX_STATES = 10_000;

    private final Node[] nodes;
    private final int[] depths;
    /** Bytes that no edge tells apart share a class. */
    private final byte[] classes = new byte[256];

    private final int[] representatives;
    private final Map<Key, GrammarState> states = new HashMap<>();
    private final GrammarState dead;
    private final GrammarState start;

    private record Key(Set<Config> reading, boolean accepts) {}

    Grammar(Node[] nodes, int[] depths, int rule) {
        this.nodes = nodes;
        this.depths = depths;
        this.representatives = classify();
        this.dead = new GrammarState(this, List.of(), false);
        Closure closure = new Closure(nodes, depths);
        closure.add(rule, null);
        this.start = state(closure);
    }

    private int[] classify() {
        boolean[] first = new boolean[257];
        first[0] = true;
        for (Node node : nodes) {
            for (int i = 0; i < node.bytes.length; i += 3) {
                first[node.bytes[i]] = true;
                first[node.bytes[i + 1] + 1] = true;
            }
        }
        int[] found = new int[256];
        int count = 0;
        for (int value = 0; value < 256; value++) {
            if (first[value]) {
                found[count++] = value;
            }
            classes[value] = (byte) (count - 1);
        }
        return Arrays.copyOf(found, count);
    }

    /** Where every text begins. */
    public GrammarState start() {
        return start;
    }

    /** Whether a whole text may be written. */
    public boolean accepts(String text) {
        GrammarState state = start;
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            state = state.next(value);
        }
        return state.accepts();
    }

    /** Where a text is that was not allowed. */
    GrammarState dead() {
        return dead;
    }

    int classCount() {
        return representatives.length;
    }

    int classOf(byte value) {
        return classes[value & 0xff] & 0xff;
    }

    /** The state behind a byte of this class. */
    GrammarState compute(GrammarState from, int byteClass) {
        int value = representatives[byteClass];
        Closure closure = new Closure(nodes, depths);
        for (Config config : from.configs()) {
            int[] bytes = nodes[config.node()].bytes;
            for (int i = 0; i < bytes.length; i += 3) {
                if (value >= bytes[i] && value <= bytes[i + 1]) {
                    closure.add(bytes[i + 2], config.frame());
                }
            }
        }
        return state(closure);
    }

    private GrammarState state(Closure closure) {
        GrammarState state = new GrammarState(this, closure.reading(), closure.accepts());
        synchronized (states) {
            if (states.size() >= MAX_STATES) {
                states.clear();
            }
            GrammarState known = states.putIfAbsent(new Key(Set.copyOf(closure.reading()), closure.accepts()), state);
            return known == null ? state : known;
        }
    }
}
