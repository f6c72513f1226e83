package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A checked body of {@code POST /v1/completions}.
 *
 * @param addSpecialTokens whether texts begin with the tokens that the tokenizer puts there (vLLM's field)
 */
public record CompletionParams(GenerationParams generation, List<Prompt> prompts, boolean addSpecialTokens) {
    private static final int MAX_TOKENS_DEFAULT = 16;
    private static final int PROMPTS_MAX = 128;
    private static final Set<String> KNOWN = known();

    /** One prompt, as the client wrote it. */
    public sealed interface Prompt {
        /** A text, not tokenized yet. */
        record Text(String text) implements Prompt {}

        /** Token ids of the model's vocabulary. */
        record Tokens(int[] ids) implements Prompt {}
    }

    public static CompletionParams read(JsonBody body, RequestBounds bounds) {
        body.rejectUnknown(KNOWN);
        body.refuseUnless(
                "suffix", value -> value.isTextual() && value.textValue().isEmpty());
        body.refuseUnless("echo", value -> value.isBoolean() && !value.booleanValue());
        body.refuseUnless("best_of", value -> value.isInt() && value.intValue() == 1);
        int maxTokens = body.optionalInt("max_tokens", 1, bounds.contextTokens(), RequestBounds.CONTEXT_SETTING)
                .orElse(MAX_TOKENS_DEFAULT);
        int logprobs =
                body.optionalInt("logprobs", 0, GenerationParams.LOGPROBS_MAX).orElse(-1);
        GenerationParams generation = GenerationParams.read(body, OptionalInt.of(maxTokens), logprobs, bounds);
        List<Prompt> prompts = prompts(body, bounds.vocab());
        if (prompts.size() * generation.n() > PROMPTS_MAX) {
            throw body.invalid("n", "times the number of prompts must be at most " + PROMPTS_MAX + ".");
        }
        return new CompletionParams(generation, prompts, body.optionalBoolean("add_special_tokens", true));
    }

    private static List<Prompt> prompts(JsonBody body, int vocab) {
        JsonNode value = body.find("prompt");
        if (value == null) {
            throw body.invalid("prompt", "is required.");
        }
        if (value.isTextual()) {
            return List.of(new Prompt.Text(value.textValue()));
        }
        if (!value.isArray() || value.isEmpty()) {
            throw wrongPrompt(body);
        }
        if (value.get(0).isNumber()) {
            return List.of(tokens(body, value, vocab));
        }
        if (value.size() > PROMPTS_MAX) {
            throw body.invalid("prompt", "must have at most " + PROMPTS_MAX + " prompts.");
        }
        boolean texts = value.get(0).isTextual();
        List<Prompt> prompts = new ArrayList<>();
        for (JsonNode item : value) {
            if (texts ? !item.isTextual() : !item.isArray()) {
                throw wrongPrompt(body);
            }
            prompts.add(texts ? new Prompt.Text(item.textValue()) : tokens(body, item, vocab));
        }
        return List.copyOf(prompts);
    }

    private static Prompt.Tokens tokens(JsonBody body, JsonNode array, int vocab) {
        int[] ids = new int[array.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = array.get(i);
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocab) {
                throw body.invalid(
                        "prompt", "has something else than a token id from 0 to " + (vocab - 1) + " at position " + i);
            }
            ids[i] = id.intValue();
        }
        return new Prompt.Tokens(ids);
    }

    private static ApiException wrongPrompt(JsonBody body) {
        return body.invalid(
                "prompt", "must be a string, an array of strings, an array of token ids, or an array of such arrays.");
    }

    private static Set<String> known() {
        Set<String> known = new HashSet<>(GenerationParams.KNOWN);
        known.addAll(Set.of("prompt", "suffix", "echo", "best_of", "add_special_tokens"));
        return Set.copyOf(known);
    }
}
