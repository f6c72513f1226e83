package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.text.Tokenizer;
import java.util.List;

/** Tokens in answers, in the shapes of OpenAI and vLLM. */
final class TokenJson {
    /** What OpenAI writes for a probability of nearly nothing; JSON has no infinity. */
    private static final float LEAST_LOGPROB = -9999;

    private TokenJson() {}

    static float finite(float logprob) {
        return Math.max(logprob, LEAST_LOGPROB);
    }

    static void putIds(ObjectNode json, List<Draw> draws) {
        ArrayNode ids = json.putArray("token_ids");
        draws.forEach(draw -> ids.add(draw.token()));
    }

    static void putPromptIds(ObjectNode json, Choice choice) {
        ArrayNode ids = json.putArray("prompt_token_ids");
        for (int id : choice.prompt().tokens()) {
            ids.add(id);
        }
    }

    /**
     * For each token of the prompt, the first of which nothing predicts, log-probabilities by token id.
     *
     * @param top how many tokens beside the prompt's own; -1 if none are wanted
     */
    static void putPromptLogprobs(ObjectNode json, Choice choice, int top, Tokenizer tokenizer) {
        if (top < 0) {
            return;
        }
        ArrayNode positions = json.putArray("prompt_logprobs");
        positions.addNull();
        for (Draw draw : choice.promptDraws()) {
            ObjectNode position = positions.addObject();
            put(position.putObject(Integer.toString(draw.token())), draw.token(), draw.logprob(), tokenizer);
            for (int i = 0; i < Math.min(top, draw.topTokens().length); i++) {
                int token = draw.topTokens()[i];
                ObjectNode entry = position.putObject(Integer.toString(token));
                put(entry, token, draw.topLogprobs()[i], tokenizer);
                entry.put("rank", i + 1);
            }
        }
    }

    private static void put(ObjectNode entry, int token, float logprob, Tokenizer tokenizer) {
        entry.put("logprob", finite(logprob));
        entry.putNull("rank");
        entry.put("decoded_token", tokenizer.token(token));
    }

    /** A token with its log-probability and those of the most likely ones, in OpenAI's shape. */
    static void putLogprob(ObjectNode json, Draw draw, Tokenizer tokenizer) {
        putToken(json, draw.token(), draw.logprob(), tokenizer);
        ArrayNode top = json.putArray("top_logprobs");
        for (int i = 0; i < draw.topTokens().length; i++) {
            putToken(top.addObject(), draw.topTokens()[i], draw.topLogprobs()[i], tokenizer);
        }
    }

    private static void putToken(ObjectNode json, int token, float logprob, Tokenizer tokenizer) {
        json.put("token", tokenizer.token(token));
        json.put("logprob", finite(logprob));
        ArrayNode bytes = json.putArray("bytes");
        for (byte value : tokenizer.bytes(token)) {
            bytes.add(value & 0xff);
        }
    }
}
