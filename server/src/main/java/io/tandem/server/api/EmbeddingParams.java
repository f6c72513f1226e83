package io.tandem.server.api;

import io.tandem.server.api.CompletionParams.Prompt;
import java.util.List;
import java.util.Set;

/**
 * A checked body of {@code POST /v1/embeddings}.
 *
 * @param user on whose account the request runs
 * @param addSpecialTokens whether texts begin with the tokens that the tokenizer puts there
 * @param dimensions of the result, at most the model's own
 * @param base64 whether the numbers come as bytes in base64, 32 bits each, the lowest byte first
 */
public record EmbeddingParams(
        String model, String user, List<Prompt> inputs, boolean addSpecialTokens, int dimensions, boolean base64) {
    private static final Set<String> KNOWN =
            Set.of("model", "user", "input", "encoding_format", "dimensions", "add_special_tokens");

    /** @param hidden numbers of a hidden state of the model */
    public static EmbeddingParams read(JsonBody body, RequestBounds bounds, int hidden) {
        body.rejectUnknown(KNOWN);
        String format = body.optionalString("encoding_format", 16).orElse("float");
        if (!format.equals("float") && !format.equals("base64")) {
            throw body.invalid("encoding_format", "must be float or base64.");
        }
        return new EmbeddingParams(
                body.requiredString("model", GenerationParams.MODEL_CHARS_MAX),
                body.optionalString("user", GenerationParams.USER_CHARS_MAX).orElse(""),
                CompletionParams.prompts(body, "input", bounds.vocab()),
                body.optionalBoolean("add_special_tokens", true),
                body.optionalInt("dimensions", 1, hidden).orElse(hidden),
                format.equals("base64"));
    }
}
