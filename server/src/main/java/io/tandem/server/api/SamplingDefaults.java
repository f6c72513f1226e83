package io.tandem.server.api;

/**
 * How tokens are sampled where a request does not say.
 *
 * @param temperature from 0 to 2
 * @param topP above 0, at most 1
 * @param topK 0 for all
 * @param minP from 0 to 1
 * @param repetitionPenalty above 0, at most 2
 */
public record SamplingDefaults(double temperature, double topP, int topK, double minP, double repetitionPenalty) {
    /** OpenAI's. */
    public static final SamplingDefaults STANDARD = new SamplingDefaults(1, 1, 0, 0, 1);
}
