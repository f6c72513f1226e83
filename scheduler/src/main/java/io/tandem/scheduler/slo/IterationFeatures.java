package io.tandem.scheduler.slo;

/**
 * What makes an iteration take long.
 *
 * @param decodeRows sequences that get their next token
 * @param decodeContext tokens in the KV cache that these attend to
 * @param prefillRows prompt tokens
 * @param prefillContext sum over prompt tokens of the tokens before them in the cache
 * @param forwardRows fine-tuning rows forward
 * @param backwardRowLayers fine-tuning rows times layers backward
 * @param backwardUnits windows of single layers backward
 */
public record IterationFeatures(
        int decodeRows,
        long decodeContext,
        int prefillRows,
        long prefillContext,
        int forwardRows,
        long backwardRowLayers,
        int backwardUnits) {

    /** The same inference with a forward window. */
    public IterationFeatures withForward(int rows) {
        return new IterationFeatures(decodeRows, decodeContext, prefillRows, prefillContext, rows, 0, 0);
    }

    /** The same inference with backward windows. */
    public IterationFeatures withBackward(long rowLayers, int units) {
        return new IterationFeatures(decodeRows, decodeContext, prefillRows, prefillContext, 0, rowLayers, units);
    }

    double[] values() {
        return new double[] {
            1,
            decodeRows > 0 ? 1 : 0,
            decodeRows,
            decodeContext,
            prefillRows,
            prefillContext,
            forwardRows,
            backwardRowLayers,
            backwardUnits
        };
    }
}
