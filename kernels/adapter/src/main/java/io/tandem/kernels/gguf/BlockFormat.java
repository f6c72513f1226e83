package io.tandem.kernels.gguf;

import java.nio.ByteBuffer;

/** How numbers of a row are stored, so many at a time, as {@code ggml-common.h} lays them out. */
interface BlockFormat {
    /** Numbers in a block. */
    int elements();

    /** Bytes of a block. */
    int bytes();

    /**
     * Reads one block. Every number is the float nearest to the exact value.
     *
     * @param data little-endian
     * @param at first byte of the block
     * @param to where the first number goes
     */
    void decode(ByteBuffer data, int at, float[] values, int to);
}
