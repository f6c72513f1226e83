package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TokenizeParams;
import io.tandem.server.tenant.Principal;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;
import java.util.Set;

/** {@code POST /tokenize} and {@code POST /detokenize}, as vLLM and llama.cpp have them. */
final class TokensHandler {
    private final ServedModel model;
    private final PromptEncoder prompts;
    private final TextWork text;

    TokensHandler(ServedModel model, TextWork text) {
        this.model = model;
        this.prompts = new PromptEncoder(model);
        this.text = text;
    }

    void tokenize(RoutingContext context, Principal caller) {
        TokenizeParams params = TokenizeParams.read(Json.body(context), model.bounds());
        Json.later(
                context,
                text.run(caller.tenant(), Math.max(0, context.body().length()), () -> tokens(params)),
                json -> Json.answer(context, json));
    }

    private ObjectNode tokens(TokenizeParams params) {
        int[] tokens = params.prompt().isPresent()
                ? prompts.tokens(params.prompt().get(), params.addSpecialTokens(), "prompt")
                : prompts.tokens(prompts.text(params.messages(), params.rendering(), "messages"), "messages");
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("count", tokens.length);
        json.put("max_model_len", model.contextTokens());
        ArrayNode ids = json.putArray("tokens");
        for (int token : tokens) {
            ids.add(token);
        }
        if (params.tokenTexts()) {
            ArrayNode texts = json.putArray("token_strs");
            for (int token : tokens) {
                texts.add(model.tokenizer().token(token));
            }
        } else {
            json.putNull("token_strs");
        }
        return json;
    }

    void detokenize(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("model", "tokens"));
        body.optionalString("model", GenerationParams.MODEL_CHARS_MAX);
        if (body.find("tokens") == null) {
            throw body.invalid("tokens", "is required.");
        }
        int[] tokens =
                body.tokenIds("tokens", model.contextTokens(), model.shape().vocab());
        Json.later(
                context,
                text.run(
                        caller.tenant(),
                        Math.max(0, context.body().length()),
                        () -> model.tokenizer().text(tokens, false)),
                all -> {
                    ObjectNode json = JsonBody.MAPPER.createObjectNode();
                    // vLLM's name and llama.cpp's.
                    json.put("prompt", all);
                    json.put("content", all);
                    Json.answer(context, json);
                });
    }
}
