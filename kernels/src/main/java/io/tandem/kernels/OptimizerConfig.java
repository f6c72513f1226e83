package io.tandem.kernels;

/**
 * AdamW (Loshchilov and Hutter, 2019) over all factors of one adapter.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled, per unit of learning rate
 * @param maxGradientNorm gradients with a larger norm are scaled down to it; 0 means never
 */
public record OptimizerConfig(double beta1, double beta2, double epsilon, double weightDecay, double maxGradientNorm) {

    public static final OptimizerConfig DEFAULT = new OptimizerConfig(0.9, 0.999, 1e-8, 0.0, 1.0);

    /** Two moments in float32. */
    public int stateBytesPerParameter() {
        return 2 * Float.BYTES;
    }
}
