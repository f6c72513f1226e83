package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.scheduler.inference.StopRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What ends an answer before its last token.
 *
 * @param texts that end it
 * @param tokens that end it, beside those of the model
 * @param ignoreEndTokens whether those of the model do not (vLLM's {@code ignore_eos}, for load tests)
 * @param minTokens before which nothing ends it
 * @param included whether the answer keeps the text or the token that ended it
 */
public record StopParams(
        List<String> texts, Set<Integer> tokens, boolean ignoreEndTokens, int minTokens, boolean included) {
    private static final int STOP_CHARS_MAX = 1024;
    private static final int TOKENS_MAX = 1024;

    /** The rule for a model with these end tokens. */
    public StopRule rule(Set<Integer> endTokens) {
        Set<Integer> all = new HashSet<>(tokens);
        if (!ignoreEndTokens) {
            all.addAll(endTokens);
        }
        return new StopRule(all, minTokens, included);
    }

    static StopParams read(JsonBody body, RequestBounds bounds, int maxTokens) {
        int minTokens = body.optionalInt("min_tokens").orElse(0);
        if (minTokens > maxTokens) {
            throw body.invalid("min_tokens", "must be at most 'max_tokens', " + maxTokens + ".");
        }
        return new StopParams(
                texts(body),
                Arrays.stream(body.tokenIds("stop_token_ids", TOKENS_MAX, bounds.vocab()))
                        .boxed()
                        .collect(Collectors.toUnmodifiableSet()),
                body.optionalBoolean("ignore_eos", false),
                minTokens,
                body.optionalBoolean("include_stop_str_in_output", false));
    }

    private static List<String> texts(JsonBody body) {
        JsonNode value = body.find("stop");
        if (value == null) {
            return List.of();
        }
        // Before anything is made of it: a million of them would keep an event loop busy.
        if (value.isArray() && value.size() > GenerationParams.STOPS_MAX) {
            throw body.invalid("stop", "must have at most " + GenerationParams.STOPS_MAX + " strings.");
        }
        List<JsonNode> items = new ArrayList<>();
        if (value.isArray()) {
            value.forEach(items::add);
        } else {
            items.add(value);
        }
        List<String> stops = new ArrayList<>();
        for (JsonNode item : items) {
            if (!item.isTextual()
                    || item.textValue().isEmpty()
                    || item.textValue().length() > STOP_CHARS_MAX) {
                throw body.invalid(
                        "stop", "must be a string, or an array of strings, of 1 to " + STOP_CHARS_MAX + " characters.");
            }
            stops.add(item.textValue());
        }
        return List.copyOf(stops);
    }
}
