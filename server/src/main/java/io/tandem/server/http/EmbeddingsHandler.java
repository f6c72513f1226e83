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
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;

/**
 * {@code POST /v1/embeddings}: the hidden state of a text's last token behind the last norm, scaled to the length 1, as
 * vLLM pools decoders.
 */
final class EmbeddingsHandler {
    private final Generation.Source source;
    private final ModelNames names;
    private final TextWork text;
    private final PromptEncoder prompts;

    EmbeddingsHandler(Generation.Source source, ModelNames names, TextWork text) {
        this.source = source;
        this.names = names;
        this.text = text;
        this.prompts = new PromptEncoder(source.model());
    }

    void embed(RoutingContext context) {
        EmbeddingParams params = EmbeddingParams.read(
                Json.body(context),
                source.model().bounds(),
                source.model().shape().hidden());
        Future<ModelNames.Resolved> resolved = Future.fromCompletionStage(
                names.resolve(params.model(), "model"), context.vertx().getOrCreateContext());
        Future<List<int[]>> encoded = text.run(
                Math.max(0, context.body().length()),
                () -> params.inputs().stream()
                        .map(input -> prompts.tokens(input, params.addSpecialTokens(), "input"))
                        .toList());
        Json.later(context, Future.all(resolved, encoded), all -> {
            if (context.response().closed()) {
                return;
            }
            if (!resolved.result().shown().isEmpty()) {
                context.response()
                        .putHeader("X-Adapter-Version", resolved.result().shown());
            }
            List<InferenceRequest> requests = encoded.result().stream()
                    .map(tokens -> new InferenceRequest(
                            source.nextRequestId().getAndIncrement(),
                            params.user(),
                            tokens,
                            1,
                            resolved.result().versions(),
                            SamplingParams.GREEDY,
                            StopRule.NONE,
                            Options.POOLED))
                    .toList();
            Json.later(
                    context,
                    new Gathering(source, context, "input").start(requests),
                    replies -> Json.answer(context, answer(params, replies)));
        });
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
