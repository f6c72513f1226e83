package io.tandem.kernels.model;

import java.util.Locale;

/** Element type of activations, the embedding and the KV cache; frozen weights of linear layers have forms of their own. */
public enum Dtype {
    /** To be chosen for this machine; a device that runs has one of the others. */
    AUTO(-1, -1, 0),
    FLOAT32(6, 4, Float.MAX_VALUE),
    BFLOAT16(15, 2, Dtype.BFLOAT16_LARGEST);

    /** The last float32 that rounds down to a finite bfloat16. */
    private static final float BFLOAT16_LARGEST = 0x1.fefffep127f;

    private final int code;
    private final int bytes;
    private final float largest;

    Dtype(int code, int bytes, float largest) {
        this.code = code;
        this.bytes = bytes;
        this.largest = largest;
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

    /** Whether an activation of this value is a finite number. */
    public boolean holds(float value) {
        requireChosen();
        return Math.abs(value) <= largest;
    }

    /** The name used in configuration files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
