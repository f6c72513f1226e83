package io.tandem.server.text.grammar;

import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** What has been written of a text, as far as it matters for what may follow. */
public final class GrammarState {
    private final Grammar grammar;
    private final Config[] configs;
    private final boolean accepts;
    private final AtomicReferenceArray<@Nullable GrammarState> next;

    GrammarState(Grammar grammar, List<Config> configs, boolean accepts) {
        this.grammar = grammar;
        this.configs = configs.toArray(Config[]::new);
        this.accepts = accepts;
        this.next = new AtomicReferenceArray<>(configs.isEmpty() ? 0 : grammar.classCount());
    }

    Config[] configs() {
        return configs;
    }

    /** Whether the text may end here. */
    public boolean accepts() {
        return accepts;
    }

    /** Whether no byte may follow. */
    public boolean isLast() {
        return configs.length == 0;
    }

    /** Whether neither a byte nor the end may follow: the text was not allowed. */
    public boolean isDead() {
        return isLast() && !accepts;
    }

    /**
     * The state behind a byte.
     *
     * @throws GrammarException if the text can be read in too many ways
     */
    public GrammarState next(byte value) {
        if (configs.length == 0) {
            return accepts ? grammar.dead() : this;
        }
        int byteClass = grammar.classOf(value);
        GrammarState known = next.get(byteClass);
        if (known == null) {
            known = grammar.compute(this, byteClass);
            next.set(byteClass, known);
        }
        return known;
    }

    /** In how many ways the text may have been read. */
    public int ways() {
        return configs.length;
    }

    /** The state behind a byte if it has been computed before. */
    public @Nullable GrammarState known(byte value) {
        return configs.length == 0 ? next(value) : next.get(grammar.classOf(value));
    }

    /** The state behind these bytes if all on the way has been computed before. */
    public @Nullable GrammarState known(byte[] bytes) {
        GrammarState state = this;
        for (byte value : bytes) {
            GrammarState behind = state.known(value);
            if (behind == null) {
                return null;
            }
            state = behind;
        }
        return state;
    }
}
