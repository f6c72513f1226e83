package io.tandem.scheduler.testing;

import io.tandem.scheduler.inference.TokenConstraint;

/** Allows tokens that depend on those before, and ends after so many. It computes when it is told to. */
public final class FakeConstraint implements TokenConstraint {
    private static final int KINDS = 7;
    private static final long[][] ALLOWED = new long[KINDS][16];

    static {
        for (int token = 0; token < 1000; token++) {
            ALLOWED[token % KINDS][token / 64] |= 1L << token;
        }
    }

    private final int length;
    private final boolean eager;
    private int accepted;
    private long history = 1;
    private boolean computed = true;
    private Runnable listener = () -> {};

    /** @param eager whether it computes at once */
    public FakeConstraint(int length, boolean eager) {
        this.length = length;
        this.eager = eager;
    }

    @Override
    public synchronized Next next() {
        if (!computed) {
            return new Next.Pending();
        }
        if (accepted == length) {
            return new Next.Nothing();
        }
        return new Next.OneOf(ALLOWED[Math.floorMod(history, KINDS)]);
    }

    /** Whether a token may be next. */
    public boolean allows(int token) {
        return token % KINDS == Math.floorMod(history, KINDS);
    }

    @Override
    public synchronized void accept(int token) {
        if (!computed || accepted == length || !allows(token)) {
            throw new IllegalStateException("token " + token + " is not allowed");
        }
        accepted++;
        history = history * 31 + token;
        computed = eager;
    }

    @Override
    public void onComputed(Runnable listener) {
        this.listener = listener;
    }

    /** Computes what may follow, if that is not known. */
    public void compute() {
        synchronized (this) {
            if (computed) {
                return;
            }
            computed = true;
        }
        listener.run();
    }

    /** Whether {@link #compute} has something to do. */
    public synchronized boolean pending() {
        return !computed;
    }
}
