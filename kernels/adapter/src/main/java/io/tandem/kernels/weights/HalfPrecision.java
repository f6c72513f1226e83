package io.tandem.kernels.weights;

/** Conversions between float32 and the two 16-bit formats; rounding is to nearest, ties to even. */
public final class HalfPrecision {
    private HalfPrecision() {}

    /** The value of bfloat16 bits; exact. */
    public static float fromBfloat16(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The nearest bfloat16; values beyond its range become infinite, NaN stays NaN. */
    public static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            // Rounding could carry a NaN's payload over into the sign, or cut it down to infinity.
            return (short) ((bits >>> 16) | 0x40);
        }
        int rounding = 0x7FFF + ((bits >>> 16) & 1);
        return (short) ((bits + rounding) >>> 16);
    }

    /** The value of IEEE binary16 bits; exact. */
    public static float fromFloat16(short bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = (bits >>> 10) & 0x1F;
        int fraction = bits & 0x3FF;
        if (exponent == 0x1F) {
            return Float.intBitsToFloat(sign | 0x7F80_0000 | (fraction << 13));
        }
        if (exponent == 0) {
            float magnitude = fraction * 0x1p-24f;
            return sign == 0 ? magnitude : -magnitude;
        }
        return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
    }

    /** The nearest IEEE binary16; values beyond its range become infinite, NaN stays NaN. */
    public static short toFloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = (bits >>> 16) & 0x8000;
        float magnitude = Math.abs(value);
        if (Float.isNaN(value)) {
            return (short) (sign | 0x7E00);
        }
        if (magnitude >= 65520f) {
            return (short) (sign | 0x7C00);
        }
        if (magnitude < 0x1p-14f) {
            // Subnormal: a count of 2^-24; scaling by a power of two is exact, rint rounds ties to even.
            return (short) (sign | (int) Math.rint(magnitude * 0x1p24f));
        }
        int rebased = (bits & 0x7FFF_FFFF) - (112 << 23);
        int rounding = 0xFFF + ((rebased >>> 13) & 1);
        return (short) (sign | ((rebased + rounding) >>> 13));
    }
}
