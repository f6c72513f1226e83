package io.tandem.server.api;

import java.util.Set;

/**
 * What an answer looks like.
 *
 * @param stream whether it comes as server-sent events
 * @param includeUsage whether a stream ends with a chunk of token counts
 * @param skipSpecialTokens whether special tokens have no text
 * @param tokenIds whether the ids of its tokens and the prompt's are part of it
 * @param promptLogprobs of the prompt's tokens: how many most likely ones; -1 for none
 */
public record OutputParams(
        boolean stream, boolean includeUsage, boolean skipSpecialTokens, boolean tokenIds, int promptLogprobs) {

    static OutputParams read(JsonBody body) {
        boolean stream = body.optionalBoolean("stream", false);
        int promptLogprobs = body.optionalInt("prompt_logprobs").orElse(-1);
        if (stream && promptLogprobs >= 0) {
            throw body.invalid("prompt_logprobs", "is only allowed when 'stream' is false.");
        }
        return new OutputParams(
                stream,
                includeUsage(body, stream),
                body.optionalBoolean("skip_special_tokens", true),
                body.optionalBoolean("return_token_ids", false),
                promptLogprobs);
    }

    private static boolean includeUsage(JsonBody body, boolean stream) {
        JsonBody options = body.optionalObject("stream_options").orElse(null);
        if (options == null) {
            return false;
        }
        if (!stream) {
            throw body.invalid("stream_options", "is only allowed when 'stream' is true.");
        }
        options.rejectUnknown(Set.of("include_usage", "include_obfuscation", "continuous_usage_stats"));
        options.optionalBoolean("include_obfuscation", false);
        options.refuseUnless("continuous_usage_stats", value -> value.isBoolean() && !value.booleanValue());
        return options.optionalBoolean("include_usage", false);
    }
}
