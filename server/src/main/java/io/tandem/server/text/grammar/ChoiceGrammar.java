package io.tandem.server.text.grammar;

import java.util.BitSet;
import java.util.List;

/** Grammars of texts that are no JSON. */
public final class ChoiceGrammar {
    private ChoiceGrammar() {}

    /**
     * One of some texts.
     *
     * @param usable bytes that can be written one at a time
     */
    public static Grammar of(List<String> texts, BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.node();
        texts.forEach(text -> builder.end(builder.literal(start, text)));
        return builder.build(start, usable);
    }

    /** Texts that an expression matches as a whole. */
    public static Grammar ofPattern(String expression, BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.node();
        builder.end(new Spelling(builder, false).text(start, RegexNfa.whole(expression)));
        return builder.build(start, usable);
    }
}
