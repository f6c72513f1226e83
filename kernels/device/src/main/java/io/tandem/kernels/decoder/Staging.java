package io.tandem.kernels.decoder;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The numbers that an iteration reads, one section after the other in a single tensor: each tensor that crosses to the
 * device costs a call and a copy, however small it is.
 */
final class Staging {
    private final float[] floats;
    private final long[][] sections;

    /**
     * @param floats the last section, two in each number
     * @param sections those before it
     */
    Staging(float[] floats, long[]... sections) {
        this.floats = floats;
        this.sections = sections;
    }

    /** How many numbers each section takes. */
    long[] sizes() {
        long[] sizes = new long[sections.length + 1];
        Arrays.setAll(sizes, i -> i < sections.length ? sections[i].length : (floats.length + 1) / 2);
        return sizes;
    }

    /** All sections, int64. */
    PtNDArray tensor(TensorScope scope) {
        int numbers = Math.toIntExact(Arrays.stream(sizes()).sum());
        ByteBuffer bytes = ByteBuffer.allocateDirect(Math.multiplyExact(numbers, Long.BYTES))
                .order(ByteOrder.nativeOrder());
        for (long[] section : sections) {
            bytes.asLongBuffer().put(section);
            bytes.position(bytes.position() + section.length * Long.BYTES);
        }
        bytes.asFloatBuffer().put(floats);
        return scope.tensor(bytes.rewind(), DataType.INT64, numbers);
    }
}
