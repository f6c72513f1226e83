package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/**
 * Q4_0 and Q4_1: a scale, with Q4_1 a minimum, and 32 integers of 4 bits. Byte j holds those of numbers j and j + 16.
 *
 * @param minimum whether there is one; without it, integers are 8 too large
 */
record Blocks4(boolean minimum) implements BlockFormat {
    private static final int HALF = 16;

    @Override
    public int elements() {
        return 2 * HALF;
    }

    @Override
    public int bytes() {
        return (minimum ? 4 : 2) + HALF;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float scale = HalfPrecision.fromFloat16(data.getShort(at));
        float least = minimum ? HalfPrecision.fromFloat16(data.getShort(at + 2)) : -8 * scale;
        int integers = at + bytes() - HALF;
        for (int j = 0; j < HALF; j++) {
            int pair = data.get(integers + j);
            values[to + j] = scale * (pair & 15) + least;
            values[to + HALF + j] = scale * (pair >>> 4 & 15) + least;
        }
    }
}
