package io.tandem.kernels.adapter.merge;

/**
 * Which layers come from which of two experts (Layer Swapping, Bandarkar et al., 2024). The outer layers, where a
 * language sits, come from the first adapter, the inner ones, where a skill sits, from the second. In a transition zone
 * the share changes in equal steps; a zone of one layer is the paper's average of both.
 *
 * @param layers layers of the model
 * @param bottom layers at the input that are the first adapter's alone
 * @param top layers at the output that are the first adapter's alone
 * @param bottomTransition blended layers after the bottom
 * @param topTransition blended layers before the top
 */
public record LayerSwap(int layers, int bottom, int top, int bottomTransition, int topTransition) {
    public LayerSwap {
        if (bottom < 0 || top < 0 || bottomTransition < 0 || topTransition < 0) {
            throw new IllegalArgumentException("layer swap has the zones " + bottom + ", " + top + ", "
                    + bottomTransition + ", " + topTransition + ", expected 0 or more layers each");
        }
        long zones = (long) bottom + top + bottomTransition + topTransition;
        if (layers < 1 || zones > layers) {
            throw new IllegalArgumentException(
                    "layer swap has zones of " + zones + " layers together, the model has " + layers);
        }
    }

    /** The paper's zones, which are 5, 2, 1 and 1 of 32 layers, in proportion. */
    public static LayerSwap inProportion(int layers) {
        int transition = layers >= 4 ? 1 : 0;
        int bottom = Math.max(1, Math.round(layers * 5 / 32f));
        return new LayerSwap(layers, bottom, Math.round(layers * 2 / 32f), transition, transition);
    }

    /** What one of the two adapters contributes to a layer, from 0 to 1. */
    double share(int adapter, int layer) {
        double inner = Math.min(rise(layer - bottom + 1, bottomTransition), rise(layers - top - layer, topTransition));
        return adapter == 0 ? 1 - inner : inner;
    }

    /** From 0 before a zone to 1 after it. */
    private static double rise(int step, int transition) {
        return Math.min(1, Math.max(0, step / (transition + 1.0)));
    }
}
