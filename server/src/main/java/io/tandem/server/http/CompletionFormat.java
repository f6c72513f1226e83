package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** OpenAI's {@code text_completion}. */
record CompletionFormat(Tokenizer tokenizer, boolean scored) implements AnswerFormat {
    @Override
    public String promptField() {
        return "prompt";
    }

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
    public Optional<ObjectNode> opening(Choice choice) {
        return Optional.empty();
    }

    @Override
    public ObjectNode chunk(Choice choice, String delta, List<Draw> draws) {
        return choice(choice, delta, draws);
    }

    private ObjectNode choice(Choice choice, String text, List<Draw> draws) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        json.put("text", text);
        json.set("logprobs", logprobs(choice, draws));
        json.put("finish_reason", choice.ended() ? choice.finishReason() : null);
        return json;
    }

    private @Nullable ObjectNode logprobs(Choice choice, List<Draw> draws) {
        if (!scored) {
            return null;
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode tokens = json.putArray("tokens");
        ArrayNode logprobs = json.putArray("token_logprobs");
        ArrayNode tops = json.putArray("top_logprobs");
        ArrayNode offsets = json.putArray("text_offset");
        for (Draw draw : draws) {
            tokens.add(key(draw.token()));
            logprobs.add(draw.logprob());
            offsets.add(choice.scoredChars());
            choice.addScoredChars(tokenizer.token(draw.token()).length());
            ObjectNode top = tops.addObject();
            for (int i = 0; i < draw.topTokens().length; i++) {
                top.put(key(draw.topTokens()[i]), draw.topLogprobs()[i]);
            }
        }
        return json;
    }

    /** The token's text; OpenAI's spelling of its bytes where they are no text, which all would share one key. */
    private String key(int token) {
        String text = tokenizer.token(token);
        byte[] bytes = tokenizer.bytes(token);
        if (Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes)) {
            return text;
        }
        StringBuilder key = new StringBuilder("bytes:");
        for (byte value : bytes) {
            key.append("\\x").append(HexFormat.of().toHexDigits(value));
        }
        return key.toString();
    }
}
