package io.tandem.kernels;

/**
 * What a forward window of training rows leaves for its backward window, beside the loss's gradient. Every policy keeps
 * each layer's input, and its keys and values, which later windows attend to.
 */
public enum Stash {
    /** Every input of a linear but the norms' outputs, in the model's type. The fastest. */
    KEEP(0),
    /** Nothing: a backward window runs its rows through the layer again. The smallest. */
    RECOMPUTE(1),
    /** Queries, attention's output, gate and up projection in 8 bits with a scale per row; gradients are rounded. */
    INT8(2);

    private final int code;

    Stash(int code) {
        this.code = code;
    }

    /** The number by which {@code arena.py} knows the policy. */
    public int code() {
        return code;
    }
}
