package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.StoredType;
import java.util.Set;

/**
 * AWQ (Lin et al., 2023) as AutoAWQ's GEMM version stores it: {@code qweight [inputs, outputs / 8]} and
 * {@code qzeros [groups, outputs / 8]} with eight outputs in each I32, which are interleaved, and
 * {@code scales [groups, outputs]}.
 *
 * @param groupSize inputs in a group; below 1, all
 */
record Awq(int groupSize) implements Packing {
    private static final String WEIGHT = ".qweight";
    private static final String ZEROS = ".qzeros";
    private static final String SCALES = ".scales";
    private static final int PER_INT = 8;
    /** Bits below those of each output: the even ones come first, then the odd ones. */
    private static final int[] SHIFTS = {0, 16, 4, 20, 8, 24, 12, 28};

    @Override
    public String marker() {
        return WEIGHT;
    }

    @Override
    public Set<String> parts() {
        return Set.of(WEIGHT, ZEROS, SCALES);
    }

    @Override
    public long[] shape(Checkpoint files, String linear) {
        int[] packed = new Parts(files, linear).matrix(WEIGHT, StoredType.I32);
        return new long[] {(long) packed[1] * PER_INT, packed[0]};
    }

    @Override
    public GroupedLinear open(Checkpoint files, String linear) {
        Parts parts = new Parts(files, linear);
        int[] packed = parts.matrix(WEIGHT, StoredType.I32);
        int inputs = packed[0];
        int columns = packed[1];
        int outputs = Math.multiplyExact(columns, PER_INT);
        int groups = Parts.groupCount(inputs, groupSize);
        int[] weight = parts.ints(WEIGHT, inputs, columns);
        int[] zeros = parts.ints(ZEROS, groups, columns);
        float[] scales = parts.floats(SCALES, groups, outputs);
        return new GroupedLinear(
                outputs,
                Parts.consecutive(inputs, groupSize),
                (output, input) -> (weight[input * columns + output / PER_INT] >>> SHIFTS[output % PER_INT]) & 15,
                (output, g) -> (zeros[g * columns + output / PER_INT] >>> SHIFTS[output % PER_INT]) & 15,
                (output, g) -> scales[g * outputs + output]);
    }
}
