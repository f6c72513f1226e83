package io.tandem.kernels.weights;

import java.nio.ByteBuffer;
import java.util.Set;
import java.util.function.Consumer;

/** Tensors of a file, or of several, by name. */
public interface TensorSource {
    /** Names of the tensors. */
    Set<String> names();

    /**
     * Type and shape of a tensor as {@link #read} gives it.
     *
     * @throws ModelFormatException if there is none of that name
     */
    TensorEntry entry(String name);

    /**
     * Reads a tensor of any size piece by piece, in order, little-endian.
     *
     * @param piece is filled again and again; its capacity is a multiple of an element's bytes
     * @param sink gets the piece each time, from position 0 to its limit
     * @throws ModelFormatException if there is none of that name, or the file cannot be read
     */
    void read(String name, ByteBuffer piece, Consumer<ByteBuffer> sink);

    /**
     * The elements of a floating-point tensor, row by row.
     *
     * @throws ModelFormatException if there is none of that name, or it is not F64, F32, F16 or BF16, or has 2 GiB or more
     */
    float[] floats(String name);
}
