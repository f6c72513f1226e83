package io.tandem.kernels;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Locale;

/** How the frozen weights of linear layers are stored, and so which kernel multiplies them. */
public enum WeightForm {
    /** To be chosen for this machine; a device that runs has one of the others. */
    AUTO,
    /** Row-major in the type of activations, as in the checkpoint; works everywhere. */
    PLAIN,
    /** oneDNN's blocked layout in bfloat16, reordered once at load. */
    PACKED,
    /** FBGEMM's blocked layout in float16, under float32 activations. */
    FLOAT16,
    /** 8 bits with one scale per output; lossy. */
    INT8,
    /** 4 bits with a scale and a zero per group of {@link #GROUP} inputs; lossy. */
    INT4;

    /** Inputs that share a scale in 4 bits. */
    public static final int GROUP = 32;

    /** Forms that keep the checkpoint's precision where it has 16 bits. */
    public static final List<WeightForm> PRECISE = List.of(PACKED, FLOAT16, PLAIN);

    /** Whether there is a kernel of this form for activations of the type, on some processor at least. */
    public boolean exists(Dtype activations) {
        return switch (this) {
            case AUTO -> false;
            case PLAIN, INT8, INT4 -> true;
            case PACKED -> activations == Dtype.BFLOAT16;
            case FLOAT16 -> activations == Dtype.FLOAT32;
        };
    }

    /** Whether rounding costs quality. */
    public boolean isQuantized() {
        return this == INT8 || this == INT4;
    }

    /** Memory of one weight, without the scales of whole outputs. */
    public double bytesPerParameter(Dtype activations) {
        return switch (this) {
            case AUTO -> throw new IllegalStateException("kernels.weight-form has not been resolved for this machine");
            case PLAIN, PACKED -> activations.bytes();
            case FLOAT16 -> 2;
            case INT8 -> 1;
            case INT4 -> 0.5 + 2.0 * Dtype.BFLOAT16.bytes() / GROUP;
        };
    }

    /** Memory that a weight takes in addition once something goes backward. */
    public int backwardBytesPerParameter(Dtype activations) {
        return switch (this) {
            case PACKED -> activations.bytes();
            case FLOAT16 -> 2;
            case AUTO, PLAIN, INT8, INT4 -> 0;
        };
    }

    /** The name used in configuration files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
