package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.http.Gathering.Reply;
import io.tandem.server.tenant.Principal;
import io.vertx.core.Future;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Function;

/** HTTP requests that ask the engine several short questions and answer when all replies are there. */
record EngineQuestions(Generation.Source source, Function<Principal, ModelNames> names, TextWork text) {
    /** A question as the engine takes it. */
    interface Asked<Q> {
        InferenceRequest request(Q question, long id, List<AdapterVersion> adapters);
    }

    /**
     * Asks and answers.
     *
     * @param model that the client named
     * @param field of the request that has the prompts
     * @param prepare makes the questions, on a thread for texts
     * @param answer of the questions and their replies
     */
    <Q> void ask(
            Exchange exchange,
            String model,
            String field,
            Callable<List<Q>> prepare,
            Asked<Q> asked,
            BiFunction<List<Q>, List<Reply>, ObjectNode> answer) {
        Future<ModelNames.Resolved> resolved =
                Future.fromCompletionStage(names.apply(exchange.caller()).resolve(model, "model"), exchange.loop());
        Future<List<Q>> questions = text.run(exchange.caller().tenant(), exchange.length(), prepare);
        Json.later(exchange, Future.all(resolved, questions), all -> {
            if (exchange.gone()) {
                return;
            }
            if (!resolved.result().shown().isEmpty()) {
                exchange.header("X-Adapter-Version", resolved.result().shown());
            }
            List<InferenceRequest> requests = questions.result().stream()
                    .map(question -> asked.request(
                            question,
                            source.nextRequestId().getAndIncrement(),
                            resolved.result().versions()))
                    .toList();
            Json.later(
                    exchange,
                    new Gathering(source.of(exchange.caller()), exchange, field).start(requests),
                    replies -> exchange.answer(answer.apply(questions.result(), replies)));
        });
    }
}
