package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * OpenAI's {@code text_completion}.
 *
 * @param echo whether answers begin with the prompt
 */
record CompletionFormat(Tokenizer tokenizer, GenerationParams params, boolean echo) implements ChoiceFormat {
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
    public ObjectNode whole(Choice choice, int index) {
        ObjectNode json = choice(choice, index, choice.text(), choice.draws());
        TokenJson.putPromptLogprobs(json, choice, params.output().promptLogprobs(), tokenizer);
        return json;
    }

    @Override
    public Optional<ObjectNode> opening(Choice choice) {
        return Optional.empty();
    }

    @Override
    public List<ObjectNode> chunks(Choice choice, String delta, List<Draw> draws) {
        return List.of(choice(choice, choice.index(), delta, draws));
    }

    private ObjectNode choice(Choice choice, int index, String text, List<Draw> draws) {
        boolean opens = choice.opens();
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", index);
        json.put("text", text);
        json.set("logprobs", logprobs(choice, draws, echo && opens));
        json.put("finish_reason", choice.ended() ? choice.finishReason() : null);
        if (params.output().tokenIds()) {
            if (opens) {
                TokenJson.putPromptIds(json, choice);
            }
            TokenJson.putIds(json, draws);
        }
        return json;
    }

    /** @param ofPrompt whether those of the prompt come first */
    private @Nullable ObjectNode logprobs(Choice choice, List<Draw> draws, boolean ofPrompt) {
        if (params.sampling().topLogprobs() < 0) {
            return null;
        }
        Columns columns = new Columns(JsonBody.MAPPER.createObjectNode());
        if (ofPrompt) {
            columns.add(choice, choice.prompt().tokens()[0], null);
            choice.promptDraws().forEach(draw -> columns.add(choice, draw.token(), draw));
        }
        draws.forEach(draw -> columns.add(choice, draw.token(), draw));
        return columns.json;
    }

    private final class Columns {
        private final ObjectNode json;
        private final ArrayNode tokens;
        private final ArrayNode logprobs;
        private final ArrayNode tops;
        private final ArrayNode offsets;

        Columns(ObjectNode json) {
            this.json = json;
            tokens = json.putArray("tokens");
            logprobs = json.putArray("token_logprobs");
            tops = json.putArray("top_logprobs");
            offsets = json.putArray("text_offset");
        }

        /** @param draw null for the first token of a prompt, before which there is nothing to predict it from */
        void add(Choice choice, int token, @Nullable Draw draw) {
            tokens.add(key(token));
            offsets.add(choice.scoredChars());
            choice.addScoredChars(tokenizer.token(token).length());
            if (draw == null) {
                logprobs.addNull();
                tops.addNull();
                return;
            }
            logprobs.add(TokenJson.finite(draw.logprob()));
            ObjectNode top = tops.addObject();
            int count = Math.min(draw.topTokens().length, params.sampling().topLogprobs());
            for (int i = 0; i < count; i++) {
                top.put(key(draw.topTokens()[i]), TokenJson.finite(draw.topLogprobs()[i]));
            }
        }
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
