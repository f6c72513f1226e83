package io.tandem.scheduler.finetune;

/**
 * The loss of direct preference optimization (Rafailov et al., 2023, equation 7) for one pair, {@code -log
 * sigmoid(margin)}.
 */
final class PreferenceLoss {
    private PreferenceLoss() {}

    /**
     * {@code beta} times what the preferred answer gained on the rejected one.
     *
     * @param losses of the preferred and the rejected answer, minus the logarithms of their probabilities
     * @param reference the first less the second without the adapter
     */
    static double margin(double beta, double[] losses, double reference) {
        return beta * (reference - (losses[0] - losses[1]));
    }

    /** Finite for every finite margin. */
    static double value(double margin) {
        return Math.max(0, -margin) + Math.log1p(Math.exp(-Math.abs(margin)));
    }

    /** Derivative by the preferred answer's loss; that by the rejected one's is its negative. */
    static double slope(double beta, double margin) {
        return beta / (1 + Math.exp(margin));
    }
}
