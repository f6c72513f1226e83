package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/**
 * Q4_0, Q4_1, Q5_0 and Q5_1: a scale, a minimum or none, the fifth bits of 32 integers or none, and their lower 4 bits. Byte
 * j holds those of numbers j and j + 16.
 *
 * @param fifth whether there are fifth bits
 * @param minimum whether there is one; without it, integers are too large by half of their range
 */
record Blocks45(boolean fifth, boolean minimum) implements BlockFormat {
    private static final int HALF = 16;

    @Override
    public int elements() {
        return 2 * HALF;
    }

    @Override
    public int bytes() {
        return (minimum ? 4 : 2) + (fifth ? 4 : 0) + HALF;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float scale = HalfPrecision.fromFloat16(data.getShort(at));
        int middle = fifth ? 16 : 8;
        float least = minimum ? HalfPrecision.fromFloat16(data.getShort(at + 2)) : -middle * scale;
        int integers = at + bytes() - HALF;
        int high = fifth ? data.getInt(integers - 4) : 0;
        for (int j = 0; j < HALF; j++) {
            int pair = data.get(integers + j);
            values[to + j] = scale * ((pair & 15) | ((high >>> j & 1) << 4)) + least;
            values[to + HALF + j] = scale * ((pair >>> 4 & 15) | ((high >>> (HALF + j) & 1) << 4)) + least;
        }
    }
}
