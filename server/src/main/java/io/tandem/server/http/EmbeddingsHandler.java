package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.api.EmbeddingParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.http.Gathering.Reply;
import io.tandem.server.text.ServedModel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;

/**
 * {@code POST /v1/embeddings}: the hidden state of a text's last token behind the last norm, scaled to the length 1, as
 * vLLM pools decoders.
 */
final class EmbeddingsHandler {
    private final EngineQuestions questions;
    private final ServedModel model;
    private final PromptEncoder prompts;

    EmbeddingsHandler(EngineQuestions questions) {
        this.questions = questions;
        this.model = questions.source().model();
        this.prompts = new PromptEncoder(model);
    }

    void embed(Exchange exchange) {
        EmbeddingParams params = EmbeddingParams.read(
                exchange.body(), model.bounds(), model.shape().hidden());
        questions.ask(
                exchange,
                params.model(),
                "input",
                () -> params.inputs().stream()
                        .map(input -> prompts.tokens(input, params.addSpecialTokens(), "input"))
                        .toList(),
                (tokens, id, adapters) -> new InferenceRequest(
                        id,
                        exchange.caller().tenant().account(params.user()),
                        tokens,
                        1,
                        adapters,
                        SamplingParams.GREEDY,
                        StopRule.NONE,
                        Options.POOLED),
                (tokens, replies) -> answer(params, replies));
    }

    private static ObjectNode answer(EmbeddingParams params, List<Reply> replies) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "list");
        ArrayNode data = json.putArray("data");
        for (Reply reply : replies) {
            ObjectNode entry = data.addObject();
            entry.put("object", "embedding");
            entry.put("index", data.size() - 1);
            put(entry, unit(reply.state(), params.dimensions()), params.base64());
        }
        json.put("model", params.model());
        int tokens = replies.stream().mapToInt(Reply::promptTokens).sum();
        json.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
        return json;
    }

    private static void put(ObjectNode entry, float[] embedding, boolean base64) {
        if (base64) {
            ByteBuffer bytes =
                    ByteBuffer.allocate(Float.BYTES * embedding.length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(embedding);
            entry.put("embedding", Base64.getEncoder().encodeToString(bytes.array()));
            return;
        }
        ArrayNode numbers = entry.putArray("embedding");
        for (float number : embedding) {
            numbers.add(number);
        }
    }

    /** The first dimensions, scaled to the length 1. */
    private static float[] unit(float[] state, int dimensions) {
        double sum = 0;
        for (int i = 0; i < dimensions; i++) {
            sum += (double) state[i] * state[i];
        }
        double scale = sum == 0 ? 0 : 1 / Math.sqrt(sum);
        float[] unit = new float[dimensions];
        for (int i = 0; i < dimensions; i++) {
            unit[i] = (float) (state[i] * scale);
        }
        return unit;
    }
}
