package io.tandem.kernels.decoder;

import java.util.Arrays;

/**
 * Dynamic quantization as the paper draws it, bit by bit: the zeros that a byte begins with, after its sign, are a power
 * of ten, a one ends them, and what is left counts equal cells of the decade.
 */
final class BlockQuantization {
    private static final int BLOCK = 256;

    private final boolean signed;
    private final double[] map;

    BlockQuantization(boolean signed) {
        this.signed = signed;
        this.map = map(signed);
    }

    /** The 256 values, ascending. The byte that would say minus zero, or the smallest without signs, says one. */
    static double[] map(boolean signed) {
        double[] values = new double[256];
        int bits = signed ? 7 : 8;
        for (int code = 0; code < 256; code++) {
            boolean negative = signed && code >= 128;
            int magnitude = signed ? code % 128 : code;
            if (magnitude == 0) {
                values[code] = negative ? 1 : 0;
            } else if (!signed && magnitude == 1) {
                values[code] = 1;
            } else {
                int rest = 31 - Integer.numberOfLeadingZeros(magnitude);
                int exponent = bits - 1 - rest;
                double fraction = (magnitude - (1 << rest) + 0.5) / (1 << rest);
                double value = (0.1 + 0.9 * fraction) * Math.pow(10, -exponent);
                values[code] = (float) (negative ? -value : value);
            }
        }
        Arrays.sort(values);
        return values;
    }

    /** The codes of {@code x[from..to)}. */
    byte[] codes(double[] x, int from, int to) {
        byte[] codes = new byte[to - from];
        for (int start = from; start < to; start += BLOCK) {
            int end = Math.min(to, start + BLOCK);
            double absmax = absmax(x, start, end);
            for (int i = start; i < end; i++) {
                codes[i - from] = (byte) nearest(absmax == 0 ? 0 : x[i] / absmax);
            }
        }
        return codes;
    }

    /** Replaces {@code x[from..to)} by what its codes stand for. */
    void round(double[] x, int from, int to) {
        byte[] codes = codes(x, from, to);
        for (int start = from; start < to; start += BLOCK) {
            int end = Math.min(to, start + BLOCK);
            double absmax = absmax(x, start, end);
            for (int i = start; i < end; i++) {
                x[i] = map[codes[i - from] & 0xff] * absmax;
            }
        }
    }

    private static double absmax(double[] x, int from, int to) {
        return (float) Arrays.stream(x, from, to).map(Math::abs).max().orElse(0);
    }

    private int nearest(double quotient) {
        int best = 0;
        for (int code = 1; code < map.length; code++) {
            if (Math.abs(map[code] - quotient) < Math.abs(map[best] - quotient)) {
                best = code;
            }
        }
        return signed && quotient < 0 && map[best] == 0 ? best - 1 : best;
    }
}
