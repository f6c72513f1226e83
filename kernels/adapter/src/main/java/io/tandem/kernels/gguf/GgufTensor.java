package io.tandem.kernels.gguf;

import java.util.Arrays;

/**
 * Where a tensor lies.
 *
 * @param shape sizes from the outermost, the reverse of the file's order
 * @param begin first byte, from the beginning of the file
 */
record GgufTensor(String name, TensorType type, long[] shape, long begin) {
    /** Numbers in a row, the innermost size. */
    long rowElements() {
        return shape[shape.length - 1];
    }

    long rowBytes() {
        return rowElements() / type.format().elements() * type.format().bytes();
    }

    /** Product of all other sizes. */
    long rows() {
        return Arrays.stream(shape, 0, shape.length - 1).reduce(1, (a, b) -> a * b);
    }

    @Override
    public String toString() {
        return name + " " + type + Arrays.toString(shape);
    }
}
