package io.tandem.server.api;

/**
 * How tokens are sampled where a request does not say.
 *
 * @param temperature from 0 to 2
 * @param topP above 0, at most 1
 * @param topK 0 for all
 * @param minP from 0 to 1
 * @param repetitionPenalty above 0, at most 2
 * @param earlyExit above 0, at most 1
 */
public record SamplingDefaults(
        double temperature, double topP, int topK, double minP, double repetitionPenalty, double earlyExit) {
    /** OpenAI's. */
    public static final SamplingDefaults STANDARD = new SamplingDefaults(1, 1, 0, 0, 1, 1);

    /** The same with another threshold. */
    public SamplingDefaults withEarlyExit(double threshold) {
        return new SamplingDefaults(temperature, topP, topK, minP, repetitionPenalty, threshold);
    }
}
