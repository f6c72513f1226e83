package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.http.Gathering.Reply;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;

/** HTTP requests that ask the engine several short questions and answer when all replies are there. */
record EngineQuestions(Generation.Source source, ModelNames names, TextWork text) {
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
            RoutingContext context,
            String model,
            String field,
            Callable<List<Q>> prepare,
            Asked<Q> asked,
            BiFunction<List<Q>, List<Reply>, ObjectNode> answer) {
        Future<ModelNames.Resolved> resolved = Future.fromCompletionStage(
                names.resolve(model, "model"), context.vertx().getOrCreateContext());
        Future<List<Q>> questions = text.run(Math.max(0, context.body().length()), prepare);
        Json.later(context, Future.all(resolved, questions), all -> {
            if (context.response().closed()) {
                return;
            }
            if (!resolved.result().shown().isEmpty()) {
                context.response()
                        .putHeader("X-Adapter-Version", resolved.result().shown());
            }
            List<InferenceRequest> requests = questions.result().stream()
                    .map(question -> asked.request(
                            question,
                            source.nextRequestId().getAndIncrement(),
                            resolved.result().versions()))
                    .toList();
            Json.later(
                    context,
                    new Gathering(source, context, field).start(requests),
                    replies -> Json.answer(context, answer.apply(questions.result(), replies)));
        });
    }
}
