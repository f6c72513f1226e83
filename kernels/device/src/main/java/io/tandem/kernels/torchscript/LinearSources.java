package io.tandem.kernels.torchscript;

import java.util.List;

/** What multiplies frozen weights: {@code ops/linear.py} and all that it reaches, a file for each form of weights. */
public final class LinearSources {
    /** Paths below {@code src/main/torchscript}. */
    public static final List<String> FILES = List.of(
            "__torch__/tandem/ops/weight/weight.py",
            "__torch__/tandem/ops/weight/plain.py",
            "__torch__/tandem/ops/weight/packed.py",
            "__torch__/tandem/ops/weight/half.py",
            "__torch__/tandem/ops/weight/eight_bits.py",
            "__torch__/tandem/ops/weight/four_bits.py",
            "__torch__/tandem/ops/weight/widened.py",
            "__torch__/tandem/ops/linear.py");

    private LinearSources() {}
}
