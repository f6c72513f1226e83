package io.tandem.kernels;

import java.util.Locale;

/** Element type of weights, activations and the KV cache. */
public enum Dtype {
    FLOAT32(6, 4),
    BFLOAT16(15, 2);

    private final int code;
    private final int bytes;

    Dtype(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /** The number by which TorchScript knows the type ({@code c10::ScalarType}). */
    public int code() {
        return code;
    }

    public int bytes() {
        return bytes;
    }

    /** The name used in configuration files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
