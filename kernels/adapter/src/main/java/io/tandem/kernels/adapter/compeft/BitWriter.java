package io.tandem.kernels.adapter.compeft;

import java.io.ByteArrayOutputStream;

/** Puts bits into bytes, the highest bit of a byte first. */
final class BitWriter {
    private final ByteArrayOutputStream out;
    private int pending;
    private int pendingBits;

    BitWriter(ByteArrayOutputStream out) {
        this.out = out;
    }

    void bit(boolean one) {
        pending = (pending << 1) | (one ? 1 : 0);
        if (++pendingBits == Byte.SIZE) {
            out.write(pending);
            pending = 0;
            pendingBits = 0;
        }
    }

    /** The lowest bits of a value, the highest of them first. */
    void bits(int value, int count) {
        for (int i = count - 1; i >= 0; i--) {
            bit(((value >>> i) & 1) == 1);
        }
    }

    /** Fills the last byte with zeros. */
    void pad() {
        while (pendingBits > 0) {
            bit(false);
        }
    }
}
