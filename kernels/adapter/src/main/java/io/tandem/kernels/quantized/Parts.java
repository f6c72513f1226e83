package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Consumer;

/** The tensors of one quantized linear. */
record Parts(Checkpoint files, String linear) {
    static final int PIECE_BYTES = 1 << 16;

    boolean has(String part) {
        return files.names().contains(linear + part);
    }

    /** A matrix's sizes, each from 1 to what an int holds, as is their product. */
    int[] matrix(String part, StoredType dtype) {
        TensorEntry entry = entry(part);
        long[] shape = entry.shape();
        if (entry.dtype() != dtype || shape.length != 2 || entry.elements() < 1 || entry.elements() > 1 << 30) {
            throw refuse(part, "a matrix of " + dtype + " with up to 2^30 elements");
        }
        return new int[] {(int) shape[0], (int) shape[1]};
    }

    /** All elements of a tensor of I32. */
    int[] ints(String part, long... shape) {
        int[] values = new int[size(part, StoredType.I32, shape)];
        int[] at = {0};
        read(part, piece -> {
            while (piece.hasRemaining()) {
                values[at[0]++] = piece.getInt();
            }
        });
        return values;
    }

    /** All elements of a tensor of I8. */
    byte[] bytes(String part, long... shape) {
        byte[] values = new byte[size(part, StoredType.I8, shape)];
        int[] at = {0};
        read(part, piece -> {
            int length = piece.remaining();
            piece.get(values, at[0], length);
            at[0] += length;
        });
        return values;
    }

    /** The two elements of a tensor of I64. */
    long[] pair(String part) {
        size(part, StoredType.I64, 2);
        long[] values = new long[2];
        read(part, piece -> piece.asLongBuffer().get(values));
        return values;
    }

    /** All elements of a floating-point tensor. */
    float[] floats(String part, long... shape) {
        TensorEntry entry = entry(part);
        if (!entry.dtype().isFloating() || !Arrays.equals(entry.shape(), shape)) {
            throw refuse(part, "floating point of shape " + Arrays.toString(shape));
        }
        return files.floats(linear + part);
    }

    /** The groups of the inputs as a tensor of I32 gives them, each below {@code groups}. */
    int[] groups(String part, int inputs, int groups) {
        int[] group = ints(part, inputs);
        for (int value : group) {
            if (value < 0 || value >= groups) {
                throw refuse(part, "groups from 0 to " + (groups - 1) + " but holds " + value);
            }
        }
        return group;
    }

    TensorEntry entry(String part) {
        if (!has(part)) {
            throw ModelFormatException.in(files.directory(), "no tensor " + linear + part);
        }
        return files.entry(linear + part);
    }

    ModelFormatException refuse(String part, String expected) {
        return ModelFormatException.in(files.directory(), "tensor " + entry(part) + ", expected " + expected);
    }

    private int size(String part, StoredType dtype, long... shape) {
        TensorEntry entry = entry(part);
        if (entry.dtype() != dtype || !Arrays.equals(entry.shape(), shape) || entry.elements() > 1 << 30) {
            throw refuse(part, dtype + " of shape " + Arrays.toString(shape) + ", up to 2^30 elements");
        }
        return (int) entry.elements();
    }

    private void read(String part, Consumer<ByteBuffer> sink) {
        files.read(linear + part, ByteBuffer.allocate(PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN), sink);
    }

    /** Inputs in groups of the same size, one after another; the last may be smaller. A size below 1 means one for all. */
    static int[] consecutive(int inputs, int size) {
        int[] group = new int[inputs];
        for (int i = 0; i < inputs; i++) {
            group[i] = size < 1 ? 0 : i / size;
        }
        return group;
    }

    /** How many groups {@link #consecutive} makes. */
    static int groupCount(int inputs, int size) {
        return size < 1 ? 1 : (inputs - 1) / size + 1;
    }
}
