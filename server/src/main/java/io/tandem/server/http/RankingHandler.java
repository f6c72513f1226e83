package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.RankingParams;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;

/** {@code POST /v1/rerank} and {@code POST /v1/score}: how well documents answer queries. */
final class RankingHandler {
    private final Generation.Source source;
    private final ModelNames names;
    private final TextWork text;
    private final RelevancePrompt prompt;
    private final Clock clock;

    RankingHandler(Generation.Source source, ModelNames names, TextWork text, Clock clock) {
        this.source = source;
        this.names = names;
        this.text = text;
        this.prompt = new RelevancePrompt(source.model());
        this.clock = clock;
    }

    void rerank(RoutingContext context) {
        RankingParams params = RankingParams.rerank(Json.body(context));
        judge(context, params, "documents", judgements -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", id("rerank-"));
            json.put("model", params.model());
            ArrayNode results = json.putArray("results");
            IntStream.range(0, judgements.size())
                    .boxed()
                    .sorted(Comparator.comparingDouble(i -> -judgements.get(i).score()))
                    .limit(params.best())
                    .forEach(i -> {
                        ObjectNode result = results.addObject();
                        result.put("index", i);
                        if (params.returnDocuments()) {
                            String document = params.pairs().get(i).document();
                            result.putObject("document").put("text", document);
                        }
                        result.put("relevance_score", judgements.get(i).score());
                    });
            json.set("usage", usage(judgements));
            return json;
        });
    }

    void score(RoutingContext context) {
        JsonBody body = Json.body(context);
        RankingParams params = RankingParams.score(body);
        judge(context, params, body.find("text_2") == null ? "documents" : "text_2", judgements -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", id("score-"));
            json.put("object", "list");
            json.put("created", clock.instant().getEpochSecond());
            json.put("model", params.model());
            ArrayNode data = json.putArray("data");
            for (Judgement judgement : judgements) {
                ObjectNode entry = data.addObject();
                entry.put("index", data.size() - 1);
                entry.put("object", "score");
                entry.put("score", judgement.score());
            }
            json.set("usage", usage(judgements));
            return json;
        });
    }

    private static String id(String prefix) {
        return prefix + UUID.randomUUID().toString().replace("-", "");
    }

    private static ObjectNode usage(List<Judgement> judgements) {
        int tokens = judgements.stream().mapToInt(Judgement::promptTokens).sum();
        ObjectNode usage = JsonBody.MAPPER.createObjectNode();
        usage.put("prompt_tokens", tokens);
        usage.put("total_tokens", tokens);
        return usage;
    }

    private interface Answer {
        ObjectNode of(List<Judgement> judgements);
    }

    private void judge(RoutingContext context, RankingParams params, String field, Answer answer) {
        Future<ModelNames.Resolved> resolved = Future.fromCompletionStage(
                names.resolve(params.model(), "model"), context.vertx().getOrCreateContext());
        Future<List<RelevancePrompt.Question>> questions = text.run(
                Math.max(0, context.body().length()),
                () -> params.pairs().stream()
                        .map(pair -> prompt.question(pair, field))
                        .toList());
        Json.later(context, Future.all(resolved, questions), all -> {
            if (context.response().closed()) {
                return;
            }
            List<AdapterVersion> adapters = resolved.result().versions();
            if (!resolved.result().shown().isEmpty()) {
                context.response()
                        .putHeader("X-Adapter-Version", resolved.result().shown());
            }
            List<InferenceRequest> requests = questions.result().stream()
                    .map(question ->
                            question.request(source.nextRequestId().getAndIncrement(), params.user(), adapters))
                    .toList();
            Json.later(context, new Gathering(source, context, field).start(requests), replies -> {
                List<Judgement> judgements = new ArrayList<>();
                for (int i = 0; i < replies.size(); i++) {
                    judgements.add(questions.result().get(i).judgement(replies.get(i)));
                }
                Json.answer(context, answer.of(judgements));
            });
        });
    }
}
