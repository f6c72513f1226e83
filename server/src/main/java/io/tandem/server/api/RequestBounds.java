package io.tandem.server.api;

/**
 * What a model makes of requests.
 *
 * @param vocab how many token ids there are
 * @param contextTokens longest prompt and answer together
 * @param sampling where a request does not say
 * @param recursive whether tokens may leave the model early
 */
public record RequestBounds(int vocab, int contextTokens, SamplingDefaults sampling, boolean recursive) {
    /** What {@code contextTokens} is set by. */
    static final String CONTEXT_SETTING = "kernels.context-tokens";
}
