package io.tandem.kernels.model;

import java.util.Optional;

/**
 * Shape of a decoder, as HuggingFace's {@code config.json} gives it.
 *
 * @param architecture the name from the file, for example {@code LlamaForCausalLM}
 * @param layers number of decoder layers
 * @param hidden width of the residual stream
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim width of one head, not always {@code hidden / heads}
 * @param ffn width between gate/up and down projection
 * @param vocab rows of the embedding
 * @param maxPositions longest context that the model was made for, in tokens
 * @param rmsEpsilon added to the mean square in RMSNorm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling changed frequencies for longer contexts, if any
 * @param qkvBias whether the q, k and v projections have a bias (Qwen2)
 * @param outputBias whether the attention output projection has a bias (Llama's {@code attention_bias})
 * @param mlpBias whether gate, up and down projections have a bias
 * @param qkNorm whether queries and keys pass an RMSNorm per head (Qwen3)
 * @param tiedEmbeddings whether the language-model head is the embedding
 */
public record ModelConfig(
        String architecture,
        int layers,
        int hidden,
        int heads,
        int kvHeads,
        int headDim,
        int ffn,
        int vocab,
        int maxPositions,
        double rmsEpsilon,
        double ropeTheta,
        Optional<RopeScaling> ropeScaling,
        boolean qkvBias,
        boolean outputBias,
        boolean mlpBias,
        boolean qkNorm,
        boolean tiedEmbeddings) {

    /** Scaling of the rotary frequencies, by HuggingFace's {@code rope_scaling}. */
    public sealed interface RopeScaling {
        /** All frequencies divided by {@code factor}. */
        record Linear(double factor) implements RopeScaling {}

        /** Llama 3.1: long wavelengths divided by {@code factor}, short ones kept, blended between. */
        record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
                implements RopeScaling {}
    }

    /** Query heads that share one key and value head. */
    public int group() {
        return heads / kvHeads;
    }

    /** Rows of the joined q, k and v projection. */
    public int qkvRows() {
        return (heads + 2 * kvHeads) * headDim;
    }
}
