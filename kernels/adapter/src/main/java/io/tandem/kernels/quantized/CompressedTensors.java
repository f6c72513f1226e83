package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import java.util.Set;

/**
 * Symmetric integers as compressed-tensors stores them: {@code weight [outputs, inputs]} of I8, or
 * {@code weight_packed [outputs, inputs / n]} with n integers in each I32, lowest bits first and shifted to be positive,
 * and {@code weight_shape}. {@code weight_scale} is {@code [1]}, or {@code [outputs, groups]} with one group or more.
 *
 * @param bits 4 or 8; of the packed form
 */
record CompressedTensors(int bits, boolean packed) implements Packing {
    private static final String PACKED = ".weight_packed";
    private static final String SHAPE = ".weight_shape";
    private static final String PLAIN = ".weight";
    private static final String SCALE = ".weight_scale";
    private static final String ZERO = ".weight_zero_point";
    private static final String GROUPS = ".weight_g_idx";

    @Override
    public String marker() {
        return packed ? PACKED : SCALE;
    }

    @Override
    public Set<String> parts() {
        return packed ? Set.of(PACKED, SHAPE, SCALE, ZERO, GROUPS) : Set.of(PLAIN, SCALE, ZERO, GROUPS);
    }

    @Override
    public long[] shape(Checkpoint files, String linear) {
        Parts parts = new Parts(files, linear);
        if (!packed) {
            int[] shape = parts.matrix(PLAIN, StoredType.I8);
            return new long[] {shape[0], shape[1]};
        }
        int[] stored = parts.matrix(PACKED, StoredType.I32);
        long[] shape = parts.pair(SHAPE);
        int perInt = Integer.SIZE / bits;
        if (shape[0] != stored[0] || shape[1] < 1 || (shape[1] - 1) / perInt + 1 != stored[1]) {
            throw parts.refuse(
                    PACKED, bits + " bits for each of weight_shape " + shape[0] + " by " + shape[1] + " elements");
        }
        return shape;
    }

    @Override
    public GroupedLinear open(Checkpoint files, String linear) {
        Parts parts = new Parts(files, linear);
        long[] shape = shape(files, linear);
        int outputs = (int) shape[0];
        int inputs = (int) shape[1];
        if (parts.has(ZERO)) {
            throw parts.refuse(ZERO, "symmetric quantization without it");
        }
        return new GroupedLinear(
                outputs,
                groups(parts, inputs),
                codes(parts, outputs, inputs),
                (output, g) -> 0,
                scales(parts, outputs));
    }

    private GroupedLinear.Integers codes(Parts parts, int outputs, int inputs) {
        if (!packed) {
            byte[] weight = parts.bytes(PLAIN, outputs, inputs);
            return (output, input) -> weight[output * inputs + input];
        }
        int perInt = Integer.SIZE / bits;
        int columns = (inputs - 1) / perInt + 1;
        int[] weight = parts.ints(PACKED, outputs, columns);
        int mask = (1 << bits) - 1;
        int zero = 1 << (bits - 1);
        return (output, input) ->
                ((weight[output * columns + input / perInt] >>> (bits * (input % perInt))) & mask) - zero;
    }

    private static int[] groups(Parts parts, int inputs) {
        long[] shape = parts.entry(SCALE).shape();
        int groups = shape.length == 2 && shape[1] <= inputs ? (int) Math.max(1, shape[1]) : 1;
        if (inputs % groups != 0) {
            throw parts.refuse(SCALE, "groups of the same size for " + inputs + " inputs");
        }
        return parts.has(GROUPS) ? parts.groups(GROUPS, inputs, groups) : Parts.consecutive(inputs, inputs / groups);
    }

    private static GroupedLinear.Scales scales(Parts parts, int outputs) {
        TensorEntry entry = parts.entry(SCALE);
        long[] shape = entry.shape();
        float[] scales = parts.floats(SCALE, shape);
        if (scales.length == 1) {
            return (output, g) -> scales[0];
        }
        if (shape.length != 2 || shape[0] != outputs) {
            throw parts.refuse(SCALE, "one scale, or " + outputs + " rows of scales");
        }
        int groups = (int) shape[1];
        return (output, g) -> scales[output * groups + g];
    }
}
