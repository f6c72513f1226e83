package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/** Q8_0: a scale and 32 signed bytes. */
record Blocks8() implements BlockFormat {
    private static final int SIZE = 32;

    @Override
    public int elements() {
        return SIZE;
    }

    @Override
    public int bytes() {
        return 2 + SIZE;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float scale = HalfPrecision.fromFloat16(data.getShort(at));
        for (int j = 0; j < SIZE; j++) {
            values[to + j] = scale * data.get(at + 2 + j);
        }
    }
}
