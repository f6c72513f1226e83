package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/**
 * Q4_K and Q5_K: eight groups of 32 integers, each with a scale and a minimum of 6 bits, which are multiples of the
 * block's own. Each 32 bytes hold two groups, low bits first.
 *
 * @param fifth whether there are fifth bits: 32 bytes with one bit of each group
 */
record SuperBlocks45(boolean fifth) implements BlockFormat {
    private static final int GROUPS = 8;
    private static final int GROUP = 32;
    private static final int SCALES = 4;
    private static final int HIGH_BITS = SCALES + 12;

    @Override
    public int elements() {
        return GROUPS * GROUP;
    }

    @Override
    public int bytes() {
        return HIGH_BITS + (fifth ? GROUP : 0) + GROUPS * GROUP / 2;
    }

    @Override
    public void decode(ByteBuffer data, int at, float[] values, int to) {
        float ofScales = HalfPrecision.fromFloat16(data.getShort(at));
        float ofMinima = HalfPrecision.fromFloat16(data.getShort(at + 2));
        int low = at + HIGH_BITS + (fifth ? GROUP : 0);
        for (int g = 0; g < GROUPS; g++) {
            float scale = ofScales * scale(data, at + SCALES, g);
            float minimum = ofMinima * minimum(data, at + SCALES, g);
            int bytes = low + g / 2 * GROUP;
            int shift = g % 2 * 4;
            for (int j = 0; j < GROUP; j++) {
                int integer = data.get(bytes + j) >>> shift & 15;
                if (fifth) {
                    integer |= (data.get(at + HIGH_BITS + j) >>> g & 1) << 4;
                }
                // Both products have fewer than 24 bits, so only the difference is rounded.
                values[to + g * GROUP + j] = scale * integer - minimum;
            }
        }
    }

    /** Bytes 0 to 3 hold the first four scales, and above them two bits of the others; bytes 8 to 11 the rest of those. */
    private static int scale(ByteBuffer data, int at, int g) {
        return g < 4 ? data.get(at + g) & 63 : (data.get(at + 4 + g) & 15) | ((data.get(at + g - 4) >>> 6 & 3) << 4);
    }

    /** As scales, from byte 4, with the upper halves of bytes 8 to 11. */
    private static int minimum(ByteBuffer data, int at, int g) {
        return g < 4
                ? data.get(at + 4 + g) & 63
                : (data.get(at + 4 + g) >>> 4 & 15) | ((data.get(at + g) >>> 6 & 3) << 4);
    }
}
