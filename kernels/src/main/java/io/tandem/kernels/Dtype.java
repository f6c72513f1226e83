package io.tandem.kernels;

import java.util.Locale;

/** Element type of weights, activations and the KV cache. */
public enum Dtype {
    FLOAT32(6, 4),
    BFLOAT16(15, 2),
    /**
     * Linear weights in 8 bits with a scale for each output; all else is bfloat16. Answers are not quite those of the
     * model.
     */
    INT8(15, 2);

    private final int code;
    private final int bytes;

    Dtype(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /** The number by which TorchScript knows the type of activations ({@code c10::ScalarType}). */
    public int code() {
        return code;
    }

    /** Of an activation. */
    public int bytes() {
        return bytes;
    }

    /** Whether the weights of linears have one byte. */
    public boolean quantizesWeights() {
        return this == INT8;
    }

    /** The name used in configuration files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
