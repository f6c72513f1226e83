package io.tandem.server.http;

import io.tandem.scheduler.TokenSource;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.RateLimits;
import io.vertx.core.Handler;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/** What the model answers, by path. */
final class ModelEndpoints {
    private ModelEndpoints() {}

    private static void admit(Exchange exchange, RateLimits limits) {
        RateLimits.Verdict verdict = limits.admit(exchange.caller().tenant());
        verdict.headers().forEach(exchange::header);
        if (verdict.refusal().isPresent()) {
            throw verdict.refusal().get();
        }
    }

    /** @param tokens where the answers come from */
    static Map<String, Handler<Exchange>> of(Routes.Targets t, TokenSource tokens) {
        TextWork text = t.text();
        Function<Principal, ModelNames> names = t.names();
        Generation.Source source = new Generation.Source(tokens, t.model(), t.nextRequestId(), t.limits());
        CompletionsHandler completions = new CompletionsHandler(
                source,
                names,
                text,
                t.grammars(),
                t.syntax(),
                t.maxRank(),
                new UnknownFields(t.http().unknownFields()),
                t.clock());
        EngineQuestions questions = new EngineQuestions(source, names, text);
        RankingHandler ranking = new RankingHandler(questions, t.clock());
        Map<String, Handler<Exchange>> endpoints = new LinkedHashMap<>();
        endpoints.put("/v1/completions", completions::complete);
        endpoints.put("/v1/chat/completions", completions::chat);
        endpoints.put("/v1/responses", completions::respond);
        endpoints.put("/v1/embeddings", new EmbeddingsHandler(questions)::embed);
        endpoints.put("/v1/rerank", ranking::rerank);
        endpoints.put("/v1/score", ranking::score);
        endpoints.replaceAll((path, endpoint) -> exchange -> {
            admit(exchange, t.limits());
            endpoint.handle(exchange);
        });
        return endpoints;
    }
}
