package io.tandem.server.text.grammar;

import io.tandem.server.text.grammar.Regex.Begin;
import io.tandem.server.text.grammar.Regex.Chars;
import io.tandem.server.text.grammar.Regex.End;
import io.tandem.server.text.grammar.Regex.InTurn;
import io.tandem.server.text.grammar.Regex.OneOf;
import io.tandem.server.text.grammar.Regex.Repeat;
import java.util.ArrayList;
import java.util.List;

/** Makes automata of regular expressions (Thompson's construction). */
final class RegexNfa {
    /** Where the text stands, as bits: whether something has been read, and whether nothing more may be, behind {@code $}. */
    private static final int PHASES = 4;

    private static final int BEGUN = 1;
    private static final int ENDED = 2;

    private record Jump(int to, boolean begin, boolean end) {}

    private final CharNfa raw = new CharNfa();
    private final List<List<Jump>> jumps = new ArrayList<>();

    private RegexNfa() {}

    /** Texts that an expression matches as a whole. */
    static CharNfa whole(String expression) {
        return of(RegexParser.parse(expression));
    }

    /** Texts in which an expression is found, as JSON Schema's {@code pattern} means it. */
    static CharNfa found(String expression) {
        Regex any = new Repeat(new Chars(CharSet.ALL), 0, Regex.UNBOUNDED);
        return of(new InTurn(List.of(any, RegexParser.parse(expression), any)));
    }

    private static CharNfa of(Regex regex) {
        RegexNfa building = new RegexNfa();
        int start = building.node();
        int end = building.node();
        building.add(regex, start, end);
        return building.withoutAnchors(end);
    }

    private int node() {
        jumps.add(new ArrayList<>());
        return raw.node();
    }

    private void jump(int from, int to) {
        jumps.get(from).add(new Jump(to, false, false));
    }

    private void add(Regex regex, int from, int to) {
        if (regex instanceof Chars chars) {
            raw.edge(from, chars.set(), to);
        } else if (regex instanceof InTurn inTurn) {
            int at = from;
            for (Regex part : inTurn.parts()) {
                int next = node();
                add(part, at, next);
                at = next;
            }
            jump(at, to);
        } else if (regex instanceof OneOf oneOf) {
            for (Regex alternative : oneOf.alternatives()) {
                int start = node();
                jump(from, start);
                add(alternative, start, to);
            }
        } else if (regex instanceof Repeat repeat) {
            add(repeat, from, to);
        } else {
            jumps.get(from).add(new Jump(to, regex instanceof Begin, regex instanceof End));
        }
    }

    private void add(Repeat repeat, int from, int to) {
        int at = from;
        for (int i = 0; i < repeat.least(); i++) {
            int next = node();
            add(repeat.part(), at, next);
            at = next;
        }
        if (repeat.most() == Regex.UNBOUNDED) {
            int loop = node();
            int back = node();
            jump(at, loop);
            add(repeat.part(), loop, back);
            jump(back, loop);
            jump(loop, to);
            return;
        }
        for (int i = repeat.least(); i < repeat.most(); i++) {
            jump(at, to);
            int next = node();
            add(repeat.part(), at, next);
            at = next;
        }
        jump(at, to);
    }

    private CharNfa withoutAnchors(int end) {
        CharNfa nfa = new CharNfa();
        for (int i = 0; i < PHASES * raw.size(); i++) {
            nfa.node();
        }
        for (int node = 0; node < raw.size(); node++) {
            for (int phase = 0; phase < PHASES; phase++) {
                int from = PHASES * node + phase;
                for (Jump jump : jumps.get(node)) {
                    if (!jump.begin() || (phase & BEGUN) == 0) {
                        nfa.empty(from, PHASES * jump.to() + (jump.end() ? phase | ENDED : phase));
                    }
                }
                if ((phase & ENDED) == 0) {
                    for (CharNfa.Edge edge : raw.edges(node)) {
                        nfa.edge(from, edge.set(), PHASES * edge.to() + BEGUN);
                    }
                }
            }
        }
        for (int phase = 0; phase < PHASES; phase++) {
            nfa.end(PHASES * end + phase);
        }
        return nfa;
    }
}
