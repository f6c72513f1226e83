package io.tandem.scheduler.inference;

import java.util.Map;

/**
 * How a request's tokens are drawn.
 *
 * @param temperature 0 means greedy
 * @param topK 0 means all tokens
 * @param topP 1 means all tokens
 * @param minP 0 means all tokens; else those at least this times as likely as the most likely one
 * @param seed with the position, decides every draw of the request
 * @param penalties on tokens that came before
 * @param logitBias added to the logits of single tokens
 * @param topLogprobs log-probabilities of this many most likely tokens; -1 means none, not even of the drawn token
 * @param earlyExit a token is drawn after the first loop of a recursive model where the most likely one has this
 *     probability; 1 means after all loops, whatever the probability
 */
public record SamplingParams(
        double temperature,
        int topK,
        double topP,
        double minP,
        long seed,
        Penalties penalties,
        Map<Integer, Float> logitBias,
        int topLogprobs,
        double earlyExit) {

    /** Always the most likely token. */
    public static final SamplingParams GREEDY = new SamplingParams(0, 0, 1, 0, 0, Penalties.NONE, Map.of(), -1);

    /**
     * Penalties on tokens that came before.
     *
     * @param presence taken from the logit of each token that the answer has already
     * @param frequency the same, times how often it has it
     * @param repetition positive logits of tokens of the prompt or the answer are divided by it, negative ones multiplied;
     *     1 means none
     */
    public record Penalties(double presence, double frequency, double repetition) {
        public static final Penalties NONE = new Penalties(0, 0, 1);

        /** Whether it matters how often the answer has a token. */
        boolean counts() {
            return presence != 0 || frequency != 0;
        }

        /** Whether it matters which tokens the prompt or the answer has. */
        public boolean repeats() {
            return repetition != 1;
        }
    }

    public SamplingParams {
        logitBias = Map.copyOf(logitBias);
    }

    /** After all loops. */
    public SamplingParams(
            double temperature,
            int topK,
            double topP,
            double minP,
            long seed,
            Penalties penalties,
            Map<Integer, Float> logitBias,
            int topLogprobs) {
        this(temperature, topK, topP, minP, seed, penalties, logitBias, topLogprobs, 1);
    }

    /** Whether tokens may be drawn before the last loop. */
    public boolean exitsEarly() {
        return earlyExit < 1;
    }

    /** The same with log-probabilities of the drawn tokens at least. */
    public SamplingParams withLogprob() {
        return new SamplingParams(
                temperature, topK, topP, minP, seed, penalties, logitBias, Math.max(0, topLogprobs), earlyExit);
    }

    /** The same with another seed. */
    public SamplingParams withSeed(long other) {
        return new SamplingParams(temperature, topK, topP, minP, other, penalties, logitBias, topLogprobs, earlyExit);
    }
}
