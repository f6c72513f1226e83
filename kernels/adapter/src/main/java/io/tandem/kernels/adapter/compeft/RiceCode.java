package io.tandem.kernels.adapter.compeft;

import java.io.ByteArrayOutputStream;
import java.util.BitSet;

/**
 * Golomb's code with a power of two (Rice, 1979) for the positions of a ternary tensor, and a bit for each sign.
 *
 * <p>A position is stored as the number {@code g} of zeros between it and the one before: {@code g >> parameter} ones,
 * a zero, and the {@code parameter} lowest bits of {@code g}. Positions that are there with probability p have
 * geometric gaps, for which this is at most 3 % longer than the entropy.
 */
final class RiceCode {
    /** Gaps are ints. */
    static final int MAX_PARAMETER = 30;

    private RiceCode() {}

    /** The parameter with the shortest code; the smallest if several have it. */
    static int bestParameter(int[] positions) {
        int best = 0;
        long bestBits = Long.MAX_VALUE;
        for (int parameter = 0; parameter <= MAX_PARAMETER; parameter++) {
            long bits = (1L + parameter) * positions.length;
            int next = 0;
            for (int position : positions) {
                bits += (position - next) >> parameter;
                next = position + 1;
            }
            if (bits < bestBits) {
                best = parameter;
                bestBits = bits;
            }
        }
        return best;
    }

    /** Appends a tensor's positions and signs, filled up to a whole byte. */
    static void encode(TernaryTensor tensor, int parameter, ByteArrayOutputStream out) {
        BitWriter bits = new BitWriter(out);
        int[] positions = tensor.positions();
        int next = 0;
        for (int i = 0; i < positions.length; i++) {
            int gap = positions[i] - next;
            for (int ones = gap >> parameter; ones > 0; ones--) {
                bits.bit(true);
            }
            bits.bit(false);
            bits.bits(gap, parameter);
            bits.bit(tensor.negative().get(i));
            next = positions[i] + 1;
        }
        bits.pad();
    }

    /**
     * Reads what {@link #encode} wrote. Memory is taken only for positions that the input is long enough for.
     *
     * @param length numbers of the tensor
     * @param count positions to read
     */
    static TernaryTensor decode(ByteInput in, int length, float scale, int count, int parameter) {
        if (count > (long) in.remaining() * Byte.SIZE / (parameter + 2)) {
            throw in.refusal(
                    count + " entries of at least " + (parameter + 2) + " bits",
                    "no more than the remaining " + in.remaining() + " bytes hold");
        }
        int[] positions = new int[count];
        BitSet negative = new BitSet();
        int next = 0;
        for (int i = 0; i < count; i++) {
            long position = next + gap(in, parameter, length - next);
            if (position >= length) {
                throw in.refusal("a position of " + position, "less than " + length);
            }
            positions[i] = (int) position;
            negative.set(i, in.bit());
            next = positions[i] + 1;
        }
        in.endBits();
        return new TernaryTensor(length, scale, positions, negative);
    }

    /** The next gap; one beyond the limit may come out as another beyond the limit. */
    private static long gap(ByteInput in, int parameter, int limit) {
        long gap = 0;
        while (gap < limit && in.bit()) {
            gap += 1L << parameter;
        }
        return gap + in.bits(parameter);
    }
}
