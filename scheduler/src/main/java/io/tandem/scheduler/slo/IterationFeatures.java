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

    public static final IterationFeatures NOTHING = new IterationFeatures(0, 0, 0, 0, 0, 0, 0);

    /** The same decode rows with other prompt tokens. */
    public IterationFeatures withPrefill(int rows, long context) {
        return new IterationFeatures(
                decodeRows, decodeContext, rows, context, forwardRows, backwardRowLayers, backwardUnits);
    }

    /** The same inference with a forward window. */
    public IterationFeatures withForward(int rows) {
        return new IterationFeatures(decodeRows, decodeContext, prefillRows, prefillContext, rows, 0, 0);
    }

    /** The same inference with backward windows. */
    public IterationFeatures withBackward(long rowLayers, int units) {
        return new IterationFeatures(decodeRows, decodeContext, prefillRows, prefillContext, 0, rowLayers, units);
    }

    /** The same inference alone. */
    public IterationFeatures withoutWindow() {
        return withForward(0);
    }

    /** Rows that go forward, whoever they belong to. */
    int rows() {
        return decodeRows + prefillRows + forwardRows;
    }

    /**
     * How much of this kind the iteration has.
     *
     * @param freeRows rows that cost no more than one
     */
    double amount(CostKind kind, int freeRows) {
        return switch (kind) {
            case ITERATION -> 1;
            case COMPUTED_ROW -> Math.max(0, rows() - freeRows);
            case DECODE -> decodeRows > 0 ? 1 : 0;
            case DECODE_ROW -> decodeRows;
            case DECODE_CONTEXT -> decodeContext;
            case PREFILL_ROW -> prefillRows;
            case PREFILL_CONTEXT -> prefillContext;
            case FORWARD_ROW -> forwardRows;
            case BACKWARD_ROW_LAYER -> backwardRowLayers;
            case BACKWARD_WINDOW -> backwardUnits;
        };
    }
}
