package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.Tokenizer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** OpenAI's {@code text_completion}. */
record CompletionFormat(Tokenizer tokenizer, boolean scored) implements AnswerFormat {
    @Override
    public String idPrefix() {
        return "cmpl-";
    }

    @Override
    public String objectName(boolean chunk) {
        return "text_completion";
    }

    @Override
    public ObjectNode whole(Choice choice) {
        return choice(choice, choice.text(), choice.draws());
    }

    @Override
    public ObjectNode chunk(Choice choice, boolean first, String delta, List<Draw> draws) {
        return choice(choice, delta, draws);
    }

    private ObjectNode choice(Choice choice, String text, List<Draw> draws) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        json.put("text", text);
        json.set("logprobs", logprobs(draws));
        json.put("finish_reason", choice.ended() ? choice.finishReason() : null);
        return json;
    }

    @Override
    public @Nullable ObjectNode logprobs(List<Draw> draws) {
        if (!scored) {
            return null;
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode tokens = json.putArray("tokens");
        ArrayNode logprobs = json.putArray("token_logprobs");
        ArrayNode tops = json.putArray("top_logprobs");
        ArrayNode offsets = json.putArray("text_offset");
        int offset = 0;
        for (Draw draw : draws) {
            String text = tokenizer.token(draw.token());
            tokens.add(text);
            logprobs.add(draw.logprob());
            offsets.add(offset);
            offset += text.length();
            ObjectNode top = tops.addObject();
            for (int i = 0; i < draw.topTokens().length; i++) {
                top.put(tokenizer.token(draw.topTokens()[i]), draw.topLogprobs()[i]);
            }
        }
        return json;
    }
}
