package io.tandem.kernels.adapter.compeft;

import java.util.BitSet;

/**
 * A tensor whose numbers are {@code -scale}, 0 and {@code scale}.
 *
 * @param length how many numbers, row by row
 * @param scale of the numbers that are not zero; finite, 0 or more
 * @param positions of the numbers that are not zero, ascending
 * @param negative the i-th bit is set if the number at the i-th position is negative
 */
public record TernaryTensor(int length, float scale, int[] positions, BitSet negative) {
    public TernaryTensor {
        if (!(scale >= 0) || Float.isInfinite(scale)) {
            throw new IllegalArgumentException("the scale is " + scale + ", expected a finite number of 0 or more");
        }
        int previous = -1;
        for (int position : positions) {
            if (position <= previous || position >= length) {
                throw new IllegalArgumentException("position " + position + " after " + previous
                        + ", expected ascending positions below " + length);
            }
            previous = position;
        }
        if (negative.length() > positions.length) {
            throw new IllegalArgumentException(
                    "a sign for entry " + (negative.length() - 1) + " of " + positions.length);
        }
    }

    /** The numbers, row by row. */
    public float[] decode() {
        float[] values = new float[length];
        for (int i = 0; i < positions.length; i++) {
            values[positions[i]] = negative.get(i) ? -scale : scale;
        }
        return values;
    }
}
