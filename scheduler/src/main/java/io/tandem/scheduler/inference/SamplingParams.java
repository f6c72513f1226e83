package io.tandem.scheduler.inference;

import java.util.Map;

/**
 * How a request's tokens are drawn.
 *
 * @param temperature 0 means greedy
 * @param topK 0 means all tokens
 * @param topP 1 means all tokens
 * @param seed with the position, decides every draw of the request
 * @param presencePenalty taken from the logit of each token that the answer has already
 * @param frequencyPenalty the same, times how often it has it
 * @param logitBias added to the logits of single tokens
 * @param topLogprobs log-probabilities of this many most likely tokens; -1 means none, not even of the drawn token
 */
public record SamplingParams(
        double temperature,
        int topK,
        double topP,
        long seed,
        double presencePenalty,
        double frequencyPenalty,
        Map<Integer, Float> logitBias,
        int topLogprobs) {

    public static final SamplingParams GREEDY = new SamplingParams(0, 0, 1, 0, 0, 0, Map.of(), -1);

    public SamplingParams {
        logitBias = Map.copyOf(logitBias);
    }

    /** The same with another seed. */
    public SamplingParams withSeed(long other) {
        return new SamplingParams(
                temperature, topK, topP, other, presencePenalty, frequencyPenalty, logitBias, topLogprobs);
    }

    /** Whether a token's logit depends on the answer so far. */
    public boolean penalizes() {
        return presencePenalty != 0 || frequencyPenalty != 0;
    }
}
