package io.tandem.kernels.decoder;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The numbers that an iteration reads, one section after the other in a single tensor: each tensor that crosses to the
 * device costs a call and a copy, however small it is.
 */
final class Staging {
    private final List<long[]> sections;

    /**
     * @param floats a section behind the others, two in each number
     * @param sections those before it
     */
    Staging(float[] floats, long[]... sections) {
        this.sections = new ArrayList<>(List.of(sections));
        add(bits(floats));
    }

    /** More sections, behind those that there are. */
    void add(long[]... more) {
        sections.addAll(List.of(more));
    }

    private static long[] bits(float[] floats) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact((floats.length + 1) / 2, Long.BYTES))
                .order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(floats);
        long[] bits = new long[(floats.length + 1) / 2];
        bytes.asLongBuffer().get(bits);
        return bits;
    }

    /** How many numbers each section takes. */
    long[] sizes() {
        return sections.stream().mapToLong(section -> section.length).toArray();
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
        return scope.tensor(bytes.rewind(), DataType.INT64, numbers);
    }
}
