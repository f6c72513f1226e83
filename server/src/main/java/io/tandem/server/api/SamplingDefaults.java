package io.tandem.server.api;

/**
 * How tokens are sampled where a request does not say.
 *
 * @param temperature from 0 to 2
 * @param topP above 0, at most 1
 * @param topK 0 for all
 */
public record SamplingDefaults(double temperature, double topP, int topK) {
    /** OpenAI's. */
    public static final SamplingDefaults STANDARD = new SamplingDefaults(1, 1, 0);
}
