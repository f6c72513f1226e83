package io.tandem.server.http;

import io.tandem.kernels.adapter.routing.LayerInputs;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.adapter.AdapterRouter.Candidate;
import io.tandem.server.adapter.AutoModel;
import io.tandem.server.adapter.TenantAdapters.Chosen;
import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.http.Gathering.Reply;
import io.tandem.server.http.ModelNames.Resolved;
import io.vertx.core.Future;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * Answers requests that leave the choice of their adapter to the server: the base model reads the prompt, and what its
 * layers get of the last tokens decides. If the base model answers, the keys and values are there already.
 */
record PromptRouting(Generation.Source source) {
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
                        : read(exchange, account, prompts.get(0), field)
                                .compose(inputs -> chosen(exchange, names, candidates, inputs)));
    }

    private static Future<Resolved> chosen(
            Exchange exchange, ModelNames names, List<Candidate> candidates, LayerInputs inputs) {
        CompletionStage<Optional<Chosen>> choice = names.router().choose(candidates, inputs);
        return later(exchange, choice.thenCompose(names::resolve));
    }

    private Future<LayerInputs> read(Exchange exchange, String account, EncodedPrompt prompt, String field) {
        InferenceRequest request = new InferenceRequest(
                source.nextRequestId().getAndIncrement(),
                account,
                prompt.tokens(),
                1,
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE,
                Options.pooled(TOKENS));
        return new Gathering(source.of(exchange.caller()), exchange, field)
                .start(List.of(request))
                .map(replies -> inputs(replies.get(0)));
    }

    private LayerInputs inputs(Reply reply) {
        return new LayerInputs(
                reply.observed(),
                source.model().shape().layers(),
                source.model().shape().hidden());
    }

    private static <T> Future<T> later(Exchange exchange, CompletionStage<T> result) {
        return Future.fromCompletionStage(result, exchange.loop());
    }
}
