package io.tandem.loadtest.model;

import io.tandem.kernels.weights.HalfPrecision;
import java.nio.ByteBuffer;

/** Element types of a GGUF file, by the numbers of ggml. */
enum GgufType {
    F32(0, 0, 1, 4),
    BF16(30, 32, 1, 2),
    /** Blocks of 32 numbers: a scale in 16-bit floating point, then 16 bytes of two codes each. */
    Q4_0(2, 2, 32, 18),
    /** Blocks of 32 numbers: a scale in 16-bit floating point, then 32 signed bytes. */
    Q8_0(8, 7, 32, 34);

    private static final float LARGEST = 127;

    private final int code;
    private final int fileCode;
    private final int block;
    private final int blockBytes;

    GgufType(int code, int fileCode, int block, int blockBytes) {
        this.code = code;
        this.fileCode = fileCode;
        this.block = block;
        this.blockBytes = blockBytes;
    }

    int code() {
        return code;
    }

    /** What {@code general.file_type} says of a file whose matrices are in this type. */
    int fileCode() {
        return fileCode;
    }

    /** @param count a multiple of the block */
    long bytes(long count) {
        if (count % block != 0) {
            throw new IllegalArgumentException(count + " numbers do not fill blocks of " + block);
        }
        return count / block * blockBytes;
    }

    /** Numbers that are encoded together. */
    int block() {
        return block;
    }

    /** Appends the block that begins at {@code from}. */
    void encode(float[] values, int from, ByteBuffer out) {
        switch (this) {
            case F32 -> out.putFloat(values[from]);
            case BF16 -> out.putShort(HalfPrecision.toBfloat16(values[from]));
            case Q4_0 -> fourBits(values, from, out);
            case Q8_0 -> eightBits(values, from, out);
        }
    }

    /** The largest number in size becomes the code 0, as in ggml; the second half of the codes lies in the upper bits. */
    private static void fourBits(float[] values, int from, ByteBuffer out) {
        float largest = 0;
        for (int i = from; i < from + Q4_0.block; i++) {
            largest = Math.abs(values[i]) > Math.abs(largest) ? values[i] : largest;
        }
        float scale = largest / -8;
        float inverse = scale == 0 ? 0 : 1 / scale;
        out.putShort(HalfPrecision.toFloat16(scale));
        int half = Q4_0.block / 2;
        for (int i = from; i < from + half; i++) {
            out.put((byte) (code(values[i] * inverse) | code(values[i + half] * inverse) << 4));
        }
    }

    private static int code(float steps) {
        return Math.min(15, (int) (steps + 8.5f));
    }

    /** Codes come from the exact scale and not from the rounded one that is stored, as in ggml. */
    private static void eightBits(float[] values, int from, ByteBuffer out) {
        float largest = 0;
        for (int i = from; i < from + Q8_0.block; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        float scale = largest / LARGEST;
        float inverse = scale == 0 ? 0 : 1 / scale;
        out.putShort(HalfPrecision.toFloat16(scale));
        for (int i = from; i < from + Q8_0.block; i++) {
            out.put((byte) Math.round(values[i] * inverse));
        }
    }
}
