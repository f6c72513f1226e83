package io.tandem.kernels.model;

/**
 * Constant factors and bounds in the forward pass.
 *
 * @param embedding factor on the embedding of a token
 * @param attention factor on the scores of attention
 * @param residual factor on what attention and MLP add to the residual stream
 * @param logits factor on the logits
 * @param attentionCap scores are {@code cap * tanh(score / cap)}; 0 for unbounded
 * @param logitCap the same for logits
 */
public record Scales(
        double embedding, double attention, double residual, double logits, double attentionCap, double logitCap) {

    /** Scores divided by the square root of the head's width, and nothing else. */
    public static Scales of(int headDim) {
        return new Scales(1, Math.pow(headDim, -0.5), 1, 1, 0, 0);
    }

    public Scales withAttention(double factor) {
        return new Scales(embedding, factor, residual, logits, attentionCap, logitCap);
    }
}
