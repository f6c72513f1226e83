package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.StoredType;
import java.util.Set;

/**
 * GPTQ (Frantar et al., 2022) as AutoGPTQ and GPTQModel store it: {@code qweight [inputs / n, outputs]} and
 * {@code qzeros [groups, outputs / n]} with n integers in each I32, lowest bits first, {@code scales [groups, outputs]},
 * and in {@code g_idx [inputs]} each input's group, in any order with {@code desc_act}.
 *
 * @param bits 4 or 8
 * @param groupSize inputs in a group; below 1, all
 * @param zeroOffset what must be added to the stored zero points: the first version of the format stores one less
 */
record Gptq(int bits, int groupSize, int zeroOffset) implements Packing {
    private static final String WEIGHT = ".qweight";
    private static final String ZEROS = ".qzeros";
    private static final String SCALES = ".scales";
    private static final String GROUPS = ".g_idx";

    @Override
    public String marker() {
        return WEIGHT;
    }

    @Override
    public Set<String> parts() {
        return Set.of(WEIGHT, ZEROS, SCALES, GROUPS);
    }

    @Override
    public long[] shape(Checkpoint files, String linear) {
        int[] packed = new Parts(files, linear).matrix(WEIGHT, StoredType.I32);
        return new long[] {packed[1], (long) packed[0] * perInt()};
    }

    @Override
    public GroupedLinear open(Checkpoint files, String linear) {
        Parts parts = new Parts(files, linear);
        int[] packed = parts.matrix(WEIGHT, StoredType.I32);
        int perInt = perInt();
        int outputs = packed[1];
        int inputs = Math.multiplyExact(packed[0], perInt);
        if (outputs % perInt != 0) {
            throw parts.refuse(WEIGHT, "a multiple of " + perInt + " columns");
        }
        int groups = Parts.groupCount(inputs, groupSize);
        int zeroColumns = outputs / perInt;
        int[] weight = parts.ints(WEIGHT, packed[0], outputs);
        int[] zeros = parts.ints(ZEROS, groups, zeroColumns);
        float[] scales = parts.floats(SCALES, groups, outputs);
        int[] group = parts.has(GROUPS) ? parts.groups(GROUPS, inputs, groups) : Parts.consecutive(inputs, groupSize);
        int mask = (1 << bits) - 1;
        return new GroupedLinear(
                outputs,
                group,
                (output, input) -> (weight[input / perInt * outputs + output] >>> (bits * (input % perInt))) & mask,
                (output, g) ->
                        ((zeros[g * zeroColumns + output / perInt] >>> (bits * (output % perInt))) & mask) + zeroOffset,
                (output, g) -> scales[g * outputs + output]);
    }

    private int perInt() {
        return Integer.SIZE / bits;
    }
}
