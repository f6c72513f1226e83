package io.tandem.kernels.model;

/** The function that opens the gate of the MLP; its code is that of {@code ops/gated.py}. */
public enum Activation {
    SILU(0),
    /** GELU by its approximation with tanh. */
    GELU_TANH(1),
    GELU(2);

    private final int code;

    Activation(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }
}
