package io.tandem.kernels.quantized;

/**
 * A weight of integers, where the inputs are divided into groups that share a scale and a zero point for each output:
 * {@code weight[o, i] = scale[o, g] * (code[o, i] - zero[o, g])} with {@code g = group[i]}.
 *
 * @param group of each input
 */
record GroupedLinear(int outputs, int[] group, Integers codes, Integers zeros, Scales scales) {
    /** An integer of an output, and of an input or a group. */
    @FunctionalInterface
    interface Integers {
        int at(int output, int column);
    }

    /** The scale of an output and a group. */
    @FunctionalInterface
    interface Scales {
        float at(int output, int group);
    }

    /** The weight of one input in one output. */
    float weight(int output, int input) {
        int shared = group[input];
        return scales.at(output, shared) * (codes.at(output, input) - zeros.at(output, shared));
    }
}
