package io.tandem.server.text;

import io.tandem.kernels.model.ModelConfig;
import java.util.Set;

/**
 * The base model as text sees it.
 *
 * @param name what clients call it by
 * @param shape of the decoder
 * @param contextTokens longest prompt and answer together that the server takes
 * @param tokenizer from tokenizer.json
 * @param template renders chats
 * @param stopTokens end an answer, from generation_config.json
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
        String identity,
        long created) {}
