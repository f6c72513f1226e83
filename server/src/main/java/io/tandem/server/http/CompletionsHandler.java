package io.tandem.server.http;

import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.CompletionParams;
import io.tandem.server.api.CompletionParams.Prompt;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ResponseParams;
import io.tandem.server.api.StructuredOutput;
import io.tandem.server.tenant.Principal;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.constrained.Grammars;
import io.tandem.server.text.grammar.GrammarException;
import io.tandem.server.text.tools.AnswerParser;
import io.vertx.core.Future;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;

/** {@code POST /v1/completions}, {@code POST /v1/chat/completions} and {@code POST /v1/responses}. */
final class CompletionsHandler {
    private final Generation.Source source;
    private final Function<Principal, ModelNames> names;
    private final TextWork text;
    private final PromptEncoder prompts;
    private final Grammars grammars;
    private final AnswerSyntax syntax;
    private final int maxRank;
    private final UnknownFields unknownFields;
    private final Clock clock;

    /** What a text thread makes of a request; the format gets the prompts that are kept. */
    private record Prepared(
            List<EncodedPrompt> prompts,
            Optional<Supplier<TokenConstraint>> constraints,
            Function<List<EncodedPrompt>, AnswerFormat> format) {}

    CompletionsHandler(
            Generation.Source source,
            Function<Principal, ModelNames> names,
            TextWork text,
            Grammars grammars,
            AnswerSyntax syntax,
            int maxRank,
            UnknownFields unknownFields,
            Clock clock) {
        this.unknownFields = unknownFields;
        this.source = source;
        this.names = names;
        this.text = text;
        this.prompts = new PromptEncoder(source.model());
        this.grammars = grammars;
        this.syntax = syntax;
        this.maxRank = maxRank;
        this.clock = clock;
    }

    void complete(Exchange exchange) {
        ServedModel model = source.model();
        JsonBody body = exchange.body();
        CompletionParams params = CompletionParams.read(body, model.bounds());
        answer(exchange, adapters(body), params.generation(), params.bestOf(), () -> {
            List<EncodedPrompt> encoded = params.prompts().stream()
                    .map(prompt -> encoded(prompt, params))
                    .toList();
            return new Prepared(
                    encoded,
                    params.generation().structured().map(this::constraints),
                    choices(
                            new CompletionFormat(model.tokenizer(), params.generation(), params.echo()),
                            params.generation()));
        });
    }

    void chat(Exchange exchange) {
        JsonBody body = exchange.body();
        ChatParams params = ChatParams.read(body, source.model().bounds());
        GenerationParams generation = params.generation();
        chat(
                exchange,
                body,
                params,
                settings -> choices(new ChatFormat(source.model().tokenizer(), generation, settings), generation));
    }

    void respond(Exchange exchange) {
        JsonBody body = exchange.body();
        ResponseParams params = ResponseParams.read(body, source.model().bounds());
        chat(
                exchange,
                body,
                params.chat(),
                settings -> prompts -> new ResponseFormat(
                        source.model().tokenizer(),
                        params,
                        settings,
                        prompts,
                        clock.instant().getEpochSecond()));
    }

    private void chat(
            Exchange exchange,
            JsonBody body,
            ChatParams params,
            Function<AnswerParser.Settings, Function<List<EncodedPrompt>, AnswerFormat>> format) {
        AnswerSyntax.Reading reading = syntax.reading(params);
        GenerationParams generation = params.generation();
        answer(exchange, adapters(body), generation, generation.n(), () -> {
            String text = prompts.text(params.messages(), params.rendering(), params.field())
                    .concat(reading.begun());
            return new Prepared(
                    List.of(new EncodedPrompt(prompts.tokens(text, params.field()))),
                    generation.structured().or(reading::calls).map(this::constraints),
                    format.apply(reading.behind(text)));
        });
    }

    private Function<List<EncodedPrompt>, AnswerFormat> choices(ChoiceFormat format, GenerationParams params) {
        return prompts ->
                new ChoicesFormat(format, params, prompts, clock.instant().getEpochSecond());
    }

    private EncodedPrompt encoded(Prompt prompt, CompletionParams params) {
        int[] tokens = prompts.tokens(prompt, params.addSpecialTokens(), "prompt");
        if (!params.echo()) {
            return new EncodedPrompt(tokens);
        }
        return new EncodedPrompt(
                tokens,
                prompt instanceof Prompt.Text text
                        ? text.text()
                        : prompts.text(tokens, params.generation().output().skipSpecialTokens()));
    }

    private Supplier<TokenConstraint> constraints(StructuredOutput structured) {
        try {
            return grammars.constraints(structured.format());
        } catch (GrammarException e) {
            String place = e.pointer().isEmpty() ? "" : " at " + e.pointer();
            throw ApiException.invalid(
                    structured.field(), "'" + structured.field() + "'" + place + " " + e.getMessage() + ".");
        }
    }

    private AdapterParams adapters(JsonBody body) {
        return AdapterParams.read(body, source.model().shape().layers(), maxRank);
    }

    private void answer(
            Exchange exchange,
            AdapterParams adapters,
            GenerationParams params,
            int answers,
            Callable<Prepared> prepare) {
        unknownFields.report(exchange, params.ignored());
        Future<ModelNames.Resolved> resolved =
                Future.fromCompletionStage(names.apply(exchange.caller()).resolve(adapters), exchange.loop());
        Future<Prepared> prepared = text.run(exchange.length(), prepare);
        Json.later(exchange, Future.all(resolved, prepared), all -> {
            // Writing to one who left while the prompt was read would fail; so would waiting for his leave.
            if (exchange.gone()) {
                return;
            }
            if (!resolved.result().shown().isEmpty()) {
                exchange.header("X-Adapter-Version", resolved.result().shown());
            }
            if (!resolved.result().tier().isEmpty()) {
                exchange.header("X-Adapter-Tier", resolved.result().tier());
            }
            List<EncodedPrompt> kept = prepared.result().prompts().stream()
                    .map(prompt -> params.promptTokens().isPresent()
                            ? prompt.last(params.promptTokens().getAsInt())
                            : prompt)
                    .toList();
            new AnswerWriter(
                            exchange,
                            prepared.result().format().apply(kept),
                            params.output().stream(),
                            source.of(exchange.caller()))
                    .generation()
                    .start(
                            exchange.caller().tenant().account(params.user()),
                            kept,
                            params,
                            answers,
                            resolved.result().versions(),
                            prepared.result().constraints());
        });
    }
}
