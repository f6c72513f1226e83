package io.tandem.server.http;

import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.CompletionParams;
import io.tandem.server.api.CompletionParams.Prompt;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.Tokenizer;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;

/** {@code POST /v1/completions} and {@code POST /v1/chat/completions}. */
final class CompletionsHandler {
    private final Generation.Source source;
    private final ModelNames names;
    private final int maxRank;
    private final Clock clock;

    CompletionsHandler(Generation.Source source, ModelNames names, int maxRank, Clock clock) {
        this.source = source;
        this.names = names;
        this.maxRank = maxRank;
        this.clock = clock;
    }

    void complete(RoutingContext context) {
        ServedModel model = source.model();
        JsonBody body = JsonBody.parse(context.body().buffer());
        CompletionParams params = CompletionParams.read(body, model.shape().vocab(), model.contextTokens());
        AnswerFormat format = new CompletionFormat(model.tokenizer(), scored(params.generation()));
        answer(
                context,
                adapters(body),
                params.generation(),
                format,
                () -> params.prompts().stream().map(this::tokens).toList());
    }

    void chat(RoutingContext context) {
        ServedModel model = source.model();
        JsonBody body = JsonBody.parse(context.body().buffer());
        ChatParams params = ChatParams.read(body, model.shape().vocab(), model.contextTokens());
        AnswerFormat format = new ChatFormat(model.tokenizer(), scored(params.generation()));
        answer(
                context,
                adapters(body),
                params.generation(),
                format,
                () -> List.of(model.tokenizer().encode(model.template().render(params.messages(), true), true)));
    }

    private static boolean scored(GenerationParams params) {
        return params.sampling().topLogprobs() >= 0;
    }

    private int[] tokens(Prompt prompt) {
        Tokenizer tokenizer = source.model().tokenizer();
        return prompt instanceof Prompt.Text text
                ? tokenizer.encode(text.text(), true)
                : ((Prompt.Tokens) prompt).ids();
    }

    private AdapterParams adapters(JsonBody body) {
        return AdapterParams.read(body, source.model().shape().layers(), maxRank);
    }

    private void answer(
            RoutingContext context,
            AdapterParams adapters,
            GenerationParams params,
            AnswerFormat format,
            Callable<List<int[]>> prompts) {
        Future<ModelNames.Resolved> resolved = Future.fromCompletionStage(
                names.resolve(adapters), context.vertx().getOrCreateContext());
        Future<List<int[]>> encoded = context.vertx().executeBlocking(prompts, false);
        Json.later(context, Future.all(resolved, encoded), all -> {
            // Writing to one who left while the prompt was read would fail; so would waiting for his leave.
            if (context.response().closed()) {
                return;
            }
            if (!resolved.result().shown().isEmpty()) {
                context.response()
                        .putHeader("X-Adapter-Version", resolved.result().shown());
            }
            if (!resolved.result().tier().isEmpty()) {
                context.response().putHeader("X-Adapter-Tier", resolved.result().tier());
            }
            List<int[]> tokens = encoded.result();
            new AnswerWriter(
                            context,
                            format,
                            params,
                            tokens,
                            source,
                            clock.instant().getEpochSecond())
                    .generation()
                    .start(tokens, params, resolved.result().versions());
        });
    }
}
