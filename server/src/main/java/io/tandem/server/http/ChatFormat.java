package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.Tokenizer;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** OpenAI's {@code chat.completion}. */
record ChatFormat(Tokenizer tokenizer, GenerationParams params) implements AnswerFormat {
    @Override
    public String promptField() {
        return "messages";
    }

    @Override
    public String idPrefix() {
        return "chatcmpl-";
    }

    @Override
    public String objectName(boolean chunk) {
        return chunk ? "chat.completion.chunk" : "chat.completion";
    }

    @Override
    public ObjectNode whole(Choice choice, int index) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", index);
        ObjectNode message = json.putObject("message");
        message.put("role", "assistant");
        message.put("content", choice.text());
        message.putNull("refusal");
        json.set("logprobs", logprobs(choice.draws()));
        json.put("finish_reason", choice.finishReason());
        if (params.output().tokenIds()) {
            TokenJson.putIds(json, choice.draws());
        }
        return json;
    }

    @Override
    public void putPrompt(ObjectNode response, Choice choice) {
        if (params.output().tokenIds()) {
            TokenJson.putPromptIds(response, choice);
        }
        TokenJson.putPromptLogprobs(response, choice, params.output().promptLogprobs(), tokenizer);
    }

    /** The role comes alone, as from OpenAI: its Node client counts log-probabilities of a first chunk twice. */
    @Override
    public Optional<ObjectNode> opening(Choice choice) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        json.putObject("delta").put("role", "assistant").put("content", "");
        json.putNull("logprobs");
        json.putNull("finish_reason");
        return Optional.of(json);
    }

    @Override
    public ObjectNode chunk(Choice choice, String delta, List<Draw> draws) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        ObjectNode part = json.putObject("delta");
        if (!delta.isEmpty()) {
            part.put("content", delta);
        }
        json.set("logprobs", logprobs(draws));
        json.put("finish_reason", choice.ended() ? choice.finishReason() : null);
        if (params.output().tokenIds()) {
            TokenJson.putIds(json, draws);
        }
        return json;
    }

    private @Nullable ObjectNode logprobs(List<Draw> draws) {
        if (params.sampling().topLogprobs() < 0) {
            return null;
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode content = json.putArray("content");
        for (Draw draw : draws) {
            ObjectNode token = content.addObject();
            put(token, draw.token(), draw.logprob());
            ArrayNode top = token.putArray("top_logprobs");
            for (int i = 0; i < draw.topTokens().length; i++) {
                put(top.addObject(), draw.topTokens()[i], draw.topLogprobs()[i]);
            }
        }
        json.putNull("refusal");
        return json;
    }

    private void put(ObjectNode json, int token, float logprob) {
        json.put("token", tokenizer.token(token));
        json.put("logprob", TokenJson.finite(logprob));
        ArrayNode bytes = json.putArray("bytes");
        for (byte value : tokenizer.bytes(token)) {
            bytes.add(value & 0xff);
        }
    }
}
