package io.tandem.scheduler.slo;

/** What the duration of an iteration is made of. */
public enum CostKind {
    /** Once per iteration: reading the weights, launching the kernels. */
    ITERATION(1),
    /** Each forward row, of any kind, beyond those that cost no more than reading the weights. */
    COMPUTED_ROW(0.05),
    /** Once if any sequence decodes. */
    DECODE(1),
    DECODE_ROW(0.1),
    /** Each token in the KV cache that a decode row attends to. */
    DECODE_CONTEXT(1e-4),
    /**
     * Once per sequence with a draft, whose rows attend apart from other decode rows. What is known of a draft comes from
     * drafts alone, so the first guess has to be low enough that some run.
     */
    DRAFT(0.01),
    /** Each token of a draft. */
    DRAFT_ROW(0.01),
    PREFILL_ROW(0.1),
    /** The same for tokens of prompts and drafts. */
    PREFILL_CONTEXT(1e-4),
    /** Each fine-tuning row that goes forward. */
    FORWARD_ROW(0.2),
    /** Each fine-tuning row that goes backward through one layer. */
    BACKWARD_ROW_LAYER(0.1),
    /** Once per window of a single layer that goes backward. */
    BACKWARD_WINDOW(0.5);

    /** Milliseconds per unit before anything is known: pessimistic for small models. */
    final double priorMillis;

    CostKind(double priorMillis) {
        this.priorMillis = priorMillis;
    }
}
