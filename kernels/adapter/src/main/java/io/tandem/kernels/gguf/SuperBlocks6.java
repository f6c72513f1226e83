package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/**
 * Q6_K: two halves of 128 integers, 32 too large, whose lower 4 bits lie in 64 bytes and whose upper 2 bits in 32;
 * sixteen signed scales, each for 16 numbers, and a scale of these at the end.
 */
record SuperBlocks6() implements BlockFormat {
    private static final int SIZE = 256;
    private static final int HALF = 128;
    private static final int HIGH_BITS = 128;
    private static final int SCALES = HIGH_BITS + 64;
    private static final int SCALE = SCALES + 16;

    @Override
    public int elements() {
        return SIZE;
    }

    @Override
    public int bytes() {
        return SCALE + 2;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float ofScales = HalfPrecision.fromFloat16(data.getShort(at + SCALE));
        for (int i = 0; i < SIZE; i++) {
            int half = i / HALF;
            int quarter = i % HALF / 32;
            int column = i % 32;
            int low = data.get(at + half * 64 + quarter % 2 * 32 + column) >>> (quarter / 2 * 4) & 15;
            int high = data.get(at + HIGH_BITS + half * 32 + column) >>> (quarter * 2) & 3;
            values[to + i] = ofScales * data.get(at + SCALES + i / 16) * ((low | (high << 4)) - 32);
        }
    }
}
