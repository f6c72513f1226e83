package io.tandem.server.text;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.api.RequestBounds;
import io.tandem.server.api.SamplingDefaults;
import java.util.Set;

/**
 * The base model as text sees it.
 *
 * @param name what clients call it by
 * @param shape of the decoder
 * @param contextTokens longest prompt and answer together that the server takes
 * @param tokenizer from tokenizer.json
 * @param template renders chats
 * @param stopTokens end an answer; training ends a text with the first
 * @param sampling where a request does not say
 * @param identity tells it from other models, by the content of its files
 * @param created when the model's files were written, in seconds since 1970
 */
public record ServedModel(
        String name,
        ModelConfig shape,
        int contextTokens,
        Tokenizer tokenizer,
        ChatTemplate template,
        Set<Integer> stopTokens,
        SamplingDefaults sampling,
        String identity,
        long created) {

    /** What requests are read by. */
    public RequestBounds bounds() {
        return new RequestBounds(
                shape.vocab(), contextTokens, sampling, shape.recursion().isPresent());
    }

    /** The same with other sampling defaults. */
    public ServedModel withSampling(SamplingDefaults other) {
        return new ServedModel(name, shape, contextTokens, tokenizer, template, stopTokens, other, identity, created);
    }
}
