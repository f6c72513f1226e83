package io.tandem.server.http;

import io.tandem.kernels.adapter.routing.LayerInputs;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.adapter.AdapterRouter;
import io.tandem.server.adapter.AdapterRouter.Candidate;
import io.tandem.server.adapter.AutoModel;
import io.tandem.server.adapter.TenantAdapters.Chosen;
import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.http.ModelNames.Resolved;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * Answers requests that leave the choice of their adapter to the server: the base model reads the prompt, and what its
 * layers get of the last tokens decides. If the base model answers, the keys and values are there already.
 */
record PromptRouting(Generation.Source source, TextWork text) {
    /** Last tokens of the prompt that decide; few, as each layer's inputs of all of them are kept until then. */
    private static final int TOKENS = 32;

    /**
     * @param account on which the prompt runs
     * @param field of the request that has the prompt
     */
    Future<Resolved> resolve(
            Exchange exchange,
            ModelNames names,
            AutoModel auto,
            AdapterParams params,
            String account,
            List<EncodedPrompt> prompts,
            String field) {
        if (prompts.size() > 1) {
            throw ApiException.invalid(
                    "model",
                    "'model': '" + params.model() + "' chooses an adapter for one prompt, but '" + field + "' has "
                            + prompts.size() + ". Send a request for each.");
        }
        return later(exchange, names.candidates(auto, params))
                .compose(candidates -> candidates.isEmpty()
                        ? later(exchange, names.resolve(Optional.empty()))
                        : measured(exchange, names.router(), candidates)
                                .compose(ready -> read(
                                        source.of(exchange.caller()),
                                        exchange,
                                        field,
                                        account,
                                        List.of(prompts.get(0).tokens())))
                                .compose(inputs -> chosen(exchange, names, candidates, inputs.get(0))));
    }

    /** Makes sure that it is known how usual the candidates' scores are: once for each, on nobody's account. */
    private Future<Void> measured(Exchange exchange, AdapterRouter router, List<Candidate> candidates) {
        return router.mustMeasure(candidates)
                ? text.run(exchange.caller().tenant(), 0, new EverydayQuestions(source.model())::prompts)
                        .compose(prompts -> read(source, exchange, "model", InferenceRequest.SHARED_CALLER, prompts))
                        .compose(inputs -> later(exchange, router.measure(candidates, inputs)))
                : Future.succeededFuture();
    }

    private static Future<Resolved> chosen(
            Exchange exchange, ModelNames names, List<Candidate> candidates, LayerInputs inputs) {
        CompletionStage<Optional<Chosen>> choice = names.router().choose(candidates, inputs);
        return later(exchange, choice.thenCompose(names::resolve));
    }

    private static Future<List<LayerInputs>> read(
            Generation.Source source, Exchange exchange, String field, String account, List<int[]> prompts) {
        if (exchange.gone()) {
            // Nobody is there to hear of it, as when somebody leaves who waits for the engine.
            return Promise.<List<LayerInputs>>promise().future();
        }
        List<InferenceRequest> requests = prompts.stream()
                .map(prompt -> new InferenceRequest(
                        source.nextRequestId().getAndIncrement(),
                        account,
                        prompt,
                        1,
                        List.of(),
                        SamplingParams.GREEDY,
                        StopRule.NONE,
                        Options.pooled(TOKENS)))
                .toList();
        ModelConfig shape = source.model().shape();
        return new Gathering(source, exchange, field)
                .start(requests)
                .map(replies -> replies.stream()
                        .map(reply -> new LayerInputs(reply.observed(), shape.layers(), shape.hidden()))
                        .toList());
    }

    private static <T> Future<T> later(Exchange exchange, CompletionStage<T> result) {
        return Future.fromCompletionStage(result, exchange.loop());
    }
}
