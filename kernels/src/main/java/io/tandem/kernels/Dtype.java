package io.tandem.kernels;

import java.util.Locale;

/** Element type of weights, activations and the KV cache. */
public enum Dtype {
    /** To be chosen for this machine; a device that runs has one of the others. */
    AUTO(-1, -1),
    FLOAT32(6, 4),
    BFLOAT16(15, 2),
    /** Weights of linear layers in 8 bits with one scale per output, all else in bfloat16; quantization is lossy. */
    INT8(15, 2);

    private final int code;
    private final int bytes;

    Dtype(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /** The number by which TorchScript knows the type of activations ({@code c10::ScalarType}). */
    public int code() {
        requireChosen();
        return code;
    }

    /** Bytes of one element of an activation. */
    public int bytes() {
        requireChosen();
        return bytes;
    }

    private void requireChosen() {
        if (this == AUTO) {
            throw new IllegalStateException("kernels.dtype has not been resolved for this machine");
        }
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
