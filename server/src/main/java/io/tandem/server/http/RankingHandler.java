package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.RankingParams;
import java.time.Clock;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** {@code POST /v1/rerank} and {@code POST /v1/score}: how well documents answer queries. */
final class RankingHandler {
    private final EngineQuestions questions;
    private final RelevancePrompt prompt;
    private final Clock clock;

    RankingHandler(EngineQuestions questions, Clock clock) {
        this.questions = questions;
        this.prompt = new RelevancePrompt(questions.source().model());
        this.clock = clock;
    }

    void rerank(Exchange exchange) {
        RankingParams params = RankingParams.rerank(exchange.body());
        judge(exchange, params, "documents", judgements -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", ObjectIds.random("rerank-"));
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

    void score(Exchange exchange) {
        JsonBody body = exchange.body();
        RankingParams params = RankingParams.score(body);
        judge(exchange, params, body.find("text_2") == null ? "documents" : "text_2", judgements -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", ObjectIds.random("score-"));
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

    private void judge(Exchange exchange, RankingParams params, String field, Answer answer) {
        questions.ask(
                exchange,
                params.model(),
                field,
                () -> params.pairs().stream()
                        .map(pair -> prompt.question(pair, field))
                        .toList(),
                (question, id, adapters) ->
                        question.request(id, exchange.caller().tenant().account(params.user()), adapters),
                (asked, replies) -> answer.of(IntStream.range(0, replies.size())
                        .mapToObj(i -> asked.get(i).judgement(replies.get(i)))
                        .toList()));
    }
}
