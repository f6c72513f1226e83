package io.tandem.kernels.weights;

import java.util.Arrays;

/**
 * Where a tensor lies in its file.
 *
 * @param name its name
 * @param dtype its element type
 * @param shape sizes from the outermost; empty for a scalar
 * @param begin first byte, from the beginning of the file
 * @param end one past the last byte
 */
public record TensorEntry(String name, StoredType dtype, long[] shape, long begin, long end) {
    /** A tensor that is computed from others as it is read. */
    public static TensorEntry computed(String name, StoredType dtype, long... shape) {
        long bytes = dtype.bytes();
        for (long size : shape) {
            bytes = Math.multiplyExact(bytes, size);
        }
        return new TensorEntry(name, dtype, shape, 0, bytes);
    }

    /** Bytes in the file. */
    public long bytes() {
        return end - begin;
    }

    /** Number of elements. */
    public long elements() {
        return bytes() / dtype.bytes();
    }

    @Override
    public String toString() {
        return name + " " + dtype + Arrays.toString(shape);
    }
}
