package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.Config.Frame;
import io.tandem.server.text.grammar.GrammarBuilder.Node;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All configurations that are reached without reading, but none from which there is no way to the end. */
final class Closure {
    private static final int MAX_CONFIGS = 20_000;

    private final Node[] nodes;
    private final int[] depths;
    private final Set<Config> all = new HashSet<>();
    private final List<Config> reading = new ArrayList<>();
    private final Deque<Config> open = new ArrayDeque<>();
    private boolean accepts;

    Closure(Node[] nodes, int[] depths) {
        this.nodes = nodes;
        this.depths = depths;
    }

    void add(int node, @Nullable Frame frame) {
        put(node, frame);
        while (!open.isEmpty()) {
            expand(open.pop());
        }
    }

    private void put(int node, @Nullable Frame frame) {
        if (depths[node] + Config.depth(frame) > Grammar.MAX_DEPTH) {
            return;
        }
        Config config = new Config(node, frame);
        if (all.add(config)) {
            open.push(config);
        }
        if (all.size() > MAX_CONFIGS) {
            throw new GrammarException("", "can be read in too many ways at once; make its alternatives differ sooner");
        }
    }

    private void expand(Config config) {
        Node node = nodes[config.node()];
        Frame frame = config.frame();
        if (node.bytes.length > 0) {
            reading.add(config);
        }
        if (node.end) {
            if (frame == null) {
                accepts = true;
            } else {
                put(frame.behind, frame.outer);
            }
        }
        for (int to : node.empty) {
            put(to, frame);
        }
        for (int i = 0; i < node.calls.length; i += 2) {
            int behind = node.calls[i + 1];
            if (depths[behind] + Config.depth(frame) <= Grammar.MAX_DEPTH) {
                put(node.calls[i], nodes[behind].returns() ? frame : new Frame(behind, frame));
            }
        }
    }

    /** Those that read a byte next. */
    List<Config> reading() {
        return reading;
    }

    /** Whether the text may end here. */
    boolean accepts() {
        return accepts;
    }
}
