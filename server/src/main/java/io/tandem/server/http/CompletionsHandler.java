package io.tandem.server.http;

import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.CompletionParams;
import io.tandem.server.api.CompletionParams.Prompt;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.Utf8;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;

/** {@code POST /v1/completions} and {@code POST /v1/chat/completions}. */
final class CompletionsHandler {
    private final Generation.Source source;
    private final ModelNames names;
    private final TextWork text;
    private final int maxRank;
    private final Clock clock;

    CompletionsHandler(Generation.Source source, ModelNames names, TextWork text, int maxRank, Clock clock) {
        this.source = source;
        this.names = names;
        this.text = text;
        this.maxRank = maxRank;
        this.clock = clock;
    }

    void complete(RoutingContext context) {
        ServedModel model = source.model();
        JsonBody body = Json.body(context);
        CompletionParams params = CompletionParams.read(body, model.bounds());
        AnswerFormat format = new CompletionFormat(model.tokenizer(), scored(params.generation()));
        answer(
                context,
                adapters(body),
                params.generation(),
                format,
                () -> params.prompts().stream()
                        .map(prompt -> tokens(prompt, params.addSpecialTokens()))
                        .toList());
    }

    void chat(RoutingContext context) {
        ServedModel model = source.model();
        JsonBody body = Json.body(context);
        ChatParams params = ChatParams.read(body, model.bounds());
        AnswerFormat format = new ChatFormat(model.tokenizer(), scored(params.generation()));
        answer(context, adapters(body), params.generation(), format, () -> List.of(tokens(params.messages())));
    }

    private static boolean scored(GenerationParams params) {
        return params.sampling().topLogprobs() >= 0;
    }

    private int[] tokens(Prompt prompt, boolean addSpecialTokens) {
        if (prompt instanceof Prompt.Text text) {
            int[] tokens = tokens(text.text(), "prompt");
            return addSpecialTokens ? source.model().tokenizer().begin(tokens) : tokens;
        }
        return ((Prompt.Tokens) prompt).ids();
    }

    private int[] tokens(List<ChatMessage> messages) {
        requireRoom(
                messages.stream()
                        .mapToLong(message -> Utf8.length(message.content()))
                        .sum(),
                "messages");
        return tokens(source.model().template().render(messages, true), "messages");
    }

    private int[] tokens(String text, String field) {
        requireRoom(Utf8.length(text), field);
        return source.model().tokenizer().encode(text, true);
    }

    /** Refuses what cannot fit however it is tokenized, because tokenizing it would take long. */
    private void requireRoom(long bytes, String field) {
        int context = source.model().contextTokens();
        long most = source.model().tokenizer().maxBytes(context);
        if (bytes > most) {
            throw new ApiException(
                    400,
                    "invalid_request_error",
                    field,
                    "context_length_exceeded",
                    "'" + field + "' has " + bytes + " bytes of text, but this model's maximum context length of "
                            + context + " tokens (kernels.context-tokens) holds at most " + most + ". Send less.");
        }
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
        Future<List<int[]>> encoded = text.run(Math.max(0, context.body().length()), prompts);
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
