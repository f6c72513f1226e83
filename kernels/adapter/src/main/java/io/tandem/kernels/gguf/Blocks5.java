package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/**
 * Q5_0 and Q5_1: as {@link Blocks4}, with the fifth bits of all 32 integers in front of the others.
 *
 * @param minimum whether there is one; without it, integers are 16 too large
 */
record Blocks5(boolean minimum) implements BlockFormat {
    private static final int HALF = 16;

    @Override
    public int elements() {
        return 2 * HALF;
    }

    @Override
    public int bytes() {
        return (minimum ? 4 : 2) + 4 + HALF;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float scale = HalfPrecision.fromFloat16(data.getShort(at));
        float least = minimum ? HalfPrecision.fromFloat16(data.getShort(at + 2)) : -16 * scale;
        int integers = at + bytes() - HALF;
        int fifth = data.getInt(integers - 4);
        for (int j = 0; j < HALF; j++) {
            int pair = data.get(integers + j);
            values[to + j] = scale * ((pair & 15) | ((fifth >>> j & 1) << 4)) + least;
            values[to + HALF + j] = scale * ((pair >>> 4 & 15) | ((fifth >>> (HALF + j) & 1) << 4)) + least;
        }
    }
}
