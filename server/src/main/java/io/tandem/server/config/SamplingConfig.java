package io.tandem.server.config;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.api.SamplingDefaults;

/**
 * How tokens are sampled where a request does not say.
 *
 * @param ofModel whether as the model's generation_config.json says; else as OpenAI's models do
 * @param earlyExit how sure a recursive model has to be for a token to leave it early; 1 for never
 */
public record SamplingConfig(boolean ofModel, double earlyExit) {
    public static final SamplingConfig DEFAULT = new SamplingConfig(true, 1);

    public SamplingConfig {
        if (!(earlyExit > 0 && earlyExit <= 1)) {
            throw new IllegalArgumentException("early-exit is " + earlyExit + ", expected more than 0 and at most 1");
        }
    }

    /**
     * For a model with these defaults of its own.
     *
     * @throws ConfigException if tokens should leave a model early that has no loops
     */
    public SamplingDefaults of(SamplingDefaults own, ModelConfig model) {
        if (earlyExit < 1 && model.recursion().isEmpty()) {
            throw new ConfigException("early-exit is " + earlyExit
                    + ", but the model is not a recursive one, whose tokens leave early; see tandem recurse");
        }
        return (ofModel ? own : SamplingDefaults.STANDARD).withEarlyExit(earlyExit);
    }
}
