package io.tandem.scheduler.inference;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.Optional;
import java.util.Set;

/**
 * What a client asked for, in tokens.
 *
 * @param id unique in the process
 * @param prompt token ids
 * @param maxTokens most tokens to generate; cut to what the context still holds
 * @param adapter the version that answers, from the first token to the last; empty means the base model
 * @param sampling how tokens are drawn
 * @param stopTokens tokens that end the answer; the one that ends it is not delivered
 */
public record InferenceRequest(
        long id,
        int[] prompt,
        int maxTokens,
        Optional<AdapterVersion> adapter,
        SamplingParams sampling,
        Set<Integer> stopTokens) {

    public InferenceRequest {
        stopTokens = Set.copyOf(stopTokens);
    }
}
