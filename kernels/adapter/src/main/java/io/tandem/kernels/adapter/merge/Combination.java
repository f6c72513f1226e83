package io.tandem.kernels.adapter.merge;

/** Combines the entries of adapters place by place. */
interface Combination {
    /** The combined tensor, and what was lost by it. */
    record Combined(double[] values, Loss loss) {}

    Combined combine(Tensors tensors);
}
