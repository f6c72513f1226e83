package io.tandem.scheduler.slo;

/**
 * What makes an iteration take long.
 *
 * @param decodeRows sequences that get their next token
 * @param decodeContext tokens in the KV cache that these attend to
 * @param drafts how many of them have a draft
 * @param draftRows tokens of all drafts
 * @param prefillRows prompt tokens
 * @param prefillContext sum over tokens of prompts and drafts of the tokens before them in the cache
 * @param forwardRows fine-tuning rows forward
 * @param backwardRowLayers fine-tuning rows times layers backward
 * @param backwardUnits windows of single layers backward
 */
public record IterationFeatures(
        int decodeRows,
        long decodeContext,
        int drafts,
        int draftRows,
        int prefillRows,
        long prefillContext,
        int forwardRows,
        long backwardRowLayers,
        int backwardUnits) {

    public static final IterationFeatures NOTHING = new IterationFeatures(0, 0, 0, 0, 0, 0, 0, 0, 0);

    /** Decode rows alone. */
    public static IterationFeatures decoding(int rows, long context) {
        return new IterationFeatures(rows, context, 0, 0, 0, 0, 0, 0, 0);
    }

    /** The same with more prompt tokens. */
    public IterationFeatures withPrefill(int rows, long context) {
        return with(decodeRows, decodeContext, drafts, draftRows, prefillRows + rows, prefillContext + context);
    }

    /** The same with a draft for one more decode row. */
    public IterationFeatures withDraft(int rows, long context) {
        return with(decodeRows, decodeContext, drafts + 1, draftRows + rows, prefillRows, prefillContext + context);
    }

    /** The same without decode rows, of which none has a draft. */
    public IterationFeatures withoutDecodes() {
        return with(0, 0, 0, 0, prefillRows, prefillContext);
    }

    private IterationFeatures with(
            int decodes, long decodeTokens, int drafted, int draftTokens, int prefill, long prefillTokens) {
        return new IterationFeatures(
                decodes,
                decodeTokens,
                drafted,
                draftTokens,
                prefill,
                prefillTokens,
                forwardRows,
                backwardRowLayers,
                backwardUnits);
    }

    /** The same inference with a forward window. */
    public IterationFeatures withForward(int rows) {
        return withWindow(rows, 0, 0);
    }

    /** The same inference with backward windows. */
    public IterationFeatures withBackward(long rowLayers, int units) {
        return withWindow(0, rowLayers, units);
    }

    private IterationFeatures withWindow(int forward, long rowLayers, int units) {
        return new IterationFeatures(
                decodeRows, decodeContext, drafts, draftRows, prefillRows, prefillContext, forward, rowLayers, units);
    }

    /** The same inference alone. */
    public IterationFeatures withoutWindow() {
        return withForward(0);
    }

    /** Rows that go forward, whoever they belong to. */
    public int rows() {
        return decodeRows + draftRows + prefillRows + forwardRows;
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
            case DRAFT -> drafts;
            case DRAFT_ROW -> draftRows;
            case PREFILL_ROW -> prefillRows;
            case PREFILL_CONTEXT -> prefillContext;
            case FORWARD_ROW -> forwardRows;
            case BACKWARD_ROW_LAYER -> backwardRowLayers;
            case BACKWARD_WINDOW -> backwardUnits;
        };
    }
}
