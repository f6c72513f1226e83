package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.RequestField.Route;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A checked body of {@code POST /v1/completions}.
 *
 * @param addSpecialTokens whether texts begin with the tokens that the tokenizer puts there (vLLM's field)
 * @param echo whether answers begin with their prompt
 * @param bestOf answers to each prompt, of which the best {@code n} count
 */
public record CompletionParams(
        GenerationParams generation, List<Prompt> prompts, boolean addSpecialTokens, boolean echo, int bestOf) {
    private static final int MAX_TOKENS_DEFAULT = 16;
    private static final int PROMPTS_MAX = 128;

    /** One prompt, as the client wrote it. */
    public sealed interface Prompt {
        /** A text, not tokenized yet. */
        record Text(String text) implements Prompt {}

        /** Token ids of the model's vocabulary. */
        record Tokens(int[] ids) implements Prompt {}
    }

    public static CompletionParams read(JsonBody body, RequestBounds bounds) {
        List<String> ignored = RequestFields.check(body, Route.COMPLETIONS, bounds);
        boolean echo = body.optionalBoolean("echo", false);
        OptionalInt maxTokens = OptionalInt.of(maxTokens(body, echo || body.find("prompt_logprobs") != null));
        int logprobs = body.optionalInt("logprobs").orElse(-1);
        GenerationParams generation =
                GenerationParams.read(body, maxTokens, logprobs, StructuredOutput.read(body), ignored, bounds);
        int bestOf = bestOf(body, generation);
        List<Prompt> prompts = prompts(body, "prompt", bounds.vocab());
        if (prompts.size() * bestOf > PROMPTS_MAX) {
            String field = bestOf > generation.n() ? "best_of" : "n";
            throw body.invalid(field, "times the number of prompts must be at most " + PROMPTS_MAX + ".");
        }
        boolean addSpecialTokens = body.optionalBoolean("add_special_tokens", true);
        return new CompletionParams(generation, prompts, addSpecialTokens, echo, bestOf);
    }

    /** @param promptOnly whether there is something to say of the prompt alone */
    private static int maxTokens(JsonBody body, boolean promptOnly) {
        int most = GenerationParams.maxTokens(body).orElse(MAX_TOKENS_DEFAULT);
        if (most == 0 && !promptOnly) {
            String field = body.find("max_tokens") == null ? "max_completion_tokens" : "max_tokens";
            throw body.invalid(field, "may only be 0 with 'echo' or 'prompt_logprobs'.");
        }
        return most;
    }

    private static int bestOf(JsonBody body, GenerationParams generation) {
        int n = generation.n();
        int bestOf = body.optionalInt("best_of").orElse(n);
        if (bestOf < n) {
            throw body.invalid("best_of", "must be at least 'n', " + n + ".");
        }
        if (bestOf > n && generation.output().stream()) {
            throw body.invalid("best_of", "must not be more than 'n' when 'stream' is true.");
        }
        return bestOf;
    }

    /**
     * One or several prompts.
     *
     * @param field that has them
     */
    static List<Prompt> prompts(JsonBody body, String field, int vocab) {
        JsonNode value = body.find(field);
        if (value == null) {
            throw body.invalid(field, "is required.");
        }
        if (value.isTextual()) {
            return List.of(new Prompt.Text(value.textValue()));
        }
        if (!value.isArray() || value.isEmpty()) {
            throw wrongPrompt(body, field);
        }
        if (value.get(0).isNumber()) {
            return List.of(tokens(body, field, value, vocab));
        }
        if (value.size() > PROMPTS_MAX) {
            throw body.invalid(field, "must have at most " + PROMPTS_MAX + " prompts.");
        }
        boolean texts = value.get(0).isTextual();
        List<Prompt> prompts = new ArrayList<>();
        for (JsonNode item : value) {
            if (texts ? !item.isTextual() : !item.isArray()) {
                throw wrongPrompt(body, field);
            }
            prompts.add(texts ? new Prompt.Text(item.textValue()) : tokens(body, field, item, vocab));
        }
        return List.copyOf(prompts);
    }

    private static Prompt.Tokens tokens(JsonBody body, String field, JsonNode array, int vocab) {
        return new Prompt.Tokens(body.tokenIds(field, array, vocab));
    }

    private static ApiException wrongPrompt(JsonBody body, String field) {
        return body.invalid(
                field, "must be a string, an array of strings, an array of token ids, or an array of such arrays.");
    }
}
