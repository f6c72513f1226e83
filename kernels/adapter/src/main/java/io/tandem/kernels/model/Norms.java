package io.tandem.kernels.model;

/**
 * The norms of a model.
 *
 * @param epsilon added to the mean square
 * @param placement where in a layer they are
 * @param queryKey what is normed of queries and keys
 */
public record Norms(Kind kind, double epsilon, Placement placement, QueryKey queryKey) {
    /** How a row is normed. */
    public enum Kind {
        RMS,
        /** RMS norm whose file holds the difference of the weight from one (Gemma). */
        RMS_FROM_ONE,
        /** Mean and variance, with a bias. */
        LAYER
    }

    /** Of the input of attention and MLP, of their output before it is added to the residual stream, or of both. */
    public enum Placement {
        BEFORE,
        AFTER,
        BOTH;

        public boolean before() {
            return this != AFTER;
        }

        public boolean after() {
            return this != BEFORE;
        }
    }

    /** Norms of queries and keys before they are rotated; always RMS norms. */
    public enum QueryKey {
        NONE,
        /** Of each head by itself, all with the same weight. */
        HEAD,
        /** Of all heads together. */
        PROJECTION
    }
}
