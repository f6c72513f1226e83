package io.tandem.scheduler.inference;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.List;
import java.util.Set;

/**
 * What a client asked for, in tokens.
 *
 * @param id unique in the process
 * @param caller on whose account it runs; {@link #SHARED_CALLER} if nobody said
 * @param prompt token ids
 * @param maxTokens most tokens to generate; cut to what the context still holds
 * @param adapters the versions that answer together, from the first token to the last; none means the base model
 * @param sampling how tokens are drawn
 * @param stopTokens tokens that end the answer; the one that ends it is not delivered
 */
public record InferenceRequest(
        long id,
        String caller,
        int[] prompt,
        int maxTokens,
        List<AdapterVersion> adapters,
        SamplingParams sampling,
        Set<Integer> stopTokens) {

    /** All who do not say who they are. */
    public static final String SHARED_CALLER = "";

    public InferenceRequest {
        adapters = List.copyOf(adapters);
        stopTokens = Set.copyOf(stopTokens);
    }
}
