package io.tandem.server.text.constrained;

import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.server.text.grammar.GrammarException;
import io.tandem.server.text.grammar.GrammarState;

/**
 * One answer's way through a grammar. Where other answers have been, the way is known and taken at once; elsewhere a
 * thread for grammars goes on.
 */
final class GrammarConstraint implements TokenConstraint {
    private static final Next PENDING = new Next.Pending();

    private final TokenMasks masks;
    /** Written by whoever computes, before {@link #next}, and read by the engine thread behind it. */
    private GrammarState state;

    private volatile Next next;
    private volatile Runnable listener = () -> {};

    /** @param first what may follow in the grammar's first state */
    GrammarConstraint(TokenMasks masks, GrammarState start, Next first) {
        this.masks = masks;
        this.state = start;
        this.next = first;
    }

    @Override
    public Next next() {
        return next;
    }

    @Override
    public void accept(int token) {
        byte[] spelling = masks.spelling(token);
        GrammarState from = state;
        GrammarState reached = from.known(spelling);
        Next computed = reached == null ? null : masks.known(reached);
        if (reached != null && computed != null) {
            state = reached;
            next = computed;
            return;
        }
        next = PENDING;
        if (!masks.later(() -> compute(from, spelling))) {
            next = new Next.Failed(false, "the server is shutting down");
        }
    }

    private void compute(GrammarState from, byte[] spelling) {
        Next computed = new Next.Failed(false, "what may follow could not be computed; the server's log says why");
        try {
            GrammarState reached = from;
            for (byte value : spelling) {
                reached = reached.next(value);
            }
            state = reached;
            computed = masks.compute(reached);
        } catch (GrammarException e) {
            computed = new Next.Failed(true, "the grammar of this request " + e.getMessage());
        } finally {
            next = computed;
            listener.run();
        }
    }

    @Override
    public void onComputed(Runnable action) {
        listener = action;
    }
}
