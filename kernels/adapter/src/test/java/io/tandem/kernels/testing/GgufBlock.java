package io.tandem.kernels.testing;

import io.tandem.kernels.weights.HalfPrecision;
import java.util.Random;

/**
 * A random block of a GGUF tensor, written bit by bit, with its numbers by the definition in double. As {@code d * q + m}
 * for the simple types; the others have scales of their own in a block of 256.
 *
 * @param bytes as the format has them
 * @param numbers what they mean
 */
public record GgufBlock(byte[] bytes, double[] numbers) {
    /** A type that is stored in blocks, with ggml's number. */
    public enum Type {
        Q4_0(2, 32, 18),
        Q4_1(3, 32, 20),
        Q5_0(6, 32, 22),
        Q5_1(7, 32, 24),
        Q8_0(8, 32, 34),
        Q4_K(12, 256, 144),
        Q5_K(13, 256, 176),
        Q6_K(14, 256, 210);

        public final int number;
        public final int elements;
        private final int size;

        Type(int number, int elements, int size) {
            this.number = number;
            this.elements = elements;
            this.size = size;
        }
    }

    /** @param scale of the numbers, about */
    public static GgufBlock random(Type type, double scale, Random random) {
        GgufBlock block = new GgufBlock(new byte[type.size], new double[type.elements]);
        switch (type) {
            case Q4_0 -> block.simple(random, scale / 8, 4, false, 2);
            case Q4_1 -> block.simple(random, scale / 8, 4, true, 4);
            case Q5_0 -> block.simple(random, scale / 16, 5, false, 6);
            case Q5_1 -> block.simple(random, scale / 16, 5, true, 8);
            case Q8_0 -> block.bytesWithScale(random, scale / 128);
            case Q4_K -> block.groups(random, scale / 512, 4, 16);
            case Q5_K -> block.groups(random, scale / 1024, 5, 48);
            case Q6_K -> block.sixBits(random, scale / 4096);
        }
        return block;
    }

    /** 32 integers; number j has its low bits in the lower half of byte j, number j + 16 in the upper. */
    private void simple(Random random, double size, int bits, boolean minimum, int at) {
        double scale = half(0, size * (random.nextBoolean() ? 1 : -1) * (1 + random.nextDouble()));
        double least = minimum ? half(2, -size * (1 << (bits - 1)) * random.nextDouble()) : -scale * (1 << (bits - 1));
        for (int j = 0; j < 32; j++) {
            int q = random.nextInt(1 << bits);
            put(8 * at + 8 * (j % 16) + 4 * (j / 16), q, 4);
            if (bits == 5) {
                put(8 * (at - 4) + j, q >> 4, 1);
            }
            numbers[j] = scale * q + least;
        }
    }

    private void bytesWithScale(Random random, double size) {
        double scale = half(0, size * (1 + random.nextDouble()));
        for (int j = 0; j < 32; j++) {
            int q = random.nextInt(256) - 128;
            put(16 + 8 * j, q, 8);
            numbers[j] = scale * q;
        }
    }

    /** Eight groups of 32 integers, two of them in each 32 bytes. */
    private void groups(Random random, double size, int bits, int at) {
        double ofScales = half(0, size * (1 + random.nextDouble()));
        double ofMinima = half(2, size * (1 << (bits - 1)) * (1 + random.nextDouble()));
        for (int g = 0; g < 8; g++) {
            int scale = random.nextInt(64);
            int minimum = random.nextInt(64);
            // Twelve bytes: four scales, four minima, and four with the low bits of the rest, whose high bits are above
            // the first eight.
            if (g < 4) {
                put(8 * (4 + g), scale, 6);
                put(8 * (8 + g), minimum, 6);
            } else {
                put(8 * (8 + g), scale, 4);
                put(8 * (8 + g) + 4, minimum, 4);
                put(8 * g + 6, scale >> 4, 2);
                put(8 * (4 + g) + 6, minimum >> 4, 2);
            }
            for (int j = 0; j < 32; j++) {
                int q = random.nextInt(1 << bits);
                put(8 * (at + g / 2 * 32 + j) + g % 2 * 4, q, 4);
                if (bits == 5) {
                    put(8 * (16 + j) + g, q >> 4, 1);
                }
                numbers[32 * g + j] = ofScales * scale * q - ofMinima * minimum;
            }
        }
    }

    /** Two halves of 128 integers; in each, 64 bytes of low bits, and 32 bytes with two bits of every 32nd. */
    private void sixBits(Random random, double size) {
        double ofScales = half(208, size * (1 + random.nextDouble()));
        int[] scales = random.ints(16, -128, 128).toArray();
        for (int g = 0; g < 16; g++) {
            put(8 * (192 + g), scales[g], 8);
        }
        for (int i = 0; i < 256; i++) {
            int n = i / 128;
            int l = i % 32;
            int quarter = i % 128 / 32;
            int q = random.nextInt(64);
            put(8 * (64 * n + l + (quarter == 1 || quarter == 3 ? 32 : 0)) + (quarter >= 2 ? 4 : 0), q, 4);
            put(8 * (128 + 32 * n + l) + 2 * quarter, q >> 4, 2);
            numbers[i] = ofScales * scales[i / 16] * (q - 32);
        }
    }

    private double half(int at, double value) {
        short bits = HalfPrecision.toFloat16((float) value);
        put(8 * at, bits, 16);
        return HalfPrecision.fromFloat16(bits);
    }

    private void put(int bit, int value, int bits) {
        for (int i = 0; i < bits; i++) {
            bytes[(bit + i) / 8] |= (byte) ((value >> i & 1) << (bit + i) % 8);
        }
    }
}
