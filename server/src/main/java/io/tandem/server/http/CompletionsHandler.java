package io.tandem.server.http;

import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.server.adapter.AutoModel;
import io.tandem.server.api.AdapterParams;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.CompletionParams;
import io.tandem.server.api.CompletionParams.Prompt;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ResponseParams;
import io.tandem.server.api.StructuredOutput;
import io.tandem.server.http.ModelNames.Resolved;
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
    private final PromptRouting routing;
    private final Grammars grammars;
    private final AnswerSyntax syntax;
    private final int maxRank;
    private final UnknownFields unknownFields;
    private final Clock clock;

    /** Makes the format of an answer by this model to the prompts that are kept. */
    private interface Formatting {
        AnswerFormat of(String model, List<EncodedPrompt> prompts);
    }

    /** What a text thread makes of a request. */
    private record Prepared(
            List<EncodedPrompt> prompts, Optional<Supplier<TokenConstraint>> constraints, Formatting format) {
        List<EncodedPrompt> kept(GenerationParams params) {
            return prompts.stream()
                    .map(prompt -> params.promptTokens().isPresent()
                            ? prompt.last(params.promptTokens().getAsInt())
                            : prompt)
                    .toList();
        }
    }

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
        this.routing = new PromptRouting(source, text);
        this.grammars = grammars;
        this.syntax = syntax;
        this.maxRank = maxRank;
        this.clock = clock;
    }

    void complete(Exchange exchange) {
        ServedModel model = source.model();
        JsonBody body = exchange.body();
        CompletionParams params = CompletionParams.read(body, model.bounds());
        answer(exchange, adapters(body), params.generation(), params.bestOf(), "prompt", () -> {
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
                settings -> (model, prompts) -> new ResponseFormat(
                        source.model().tokenizer(),
                        params,
                        model,
                        settings,
                        prompts,
                        clock.instant().getEpochSecond()));
    }

    private void chat(
            Exchange exchange, JsonBody body, ChatParams params, Function<AnswerParser.Settings, Formatting> format) {
        AnswerSyntax.Reading reading = syntax.reading(params);
        GenerationParams generation = params.generation();
        answer(exchange, adapters(body), generation, generation.n(), params.field(), () -> {
            String text = prompts.text(params.messages(), params.rendering(), params.field())
                    .concat(reading.begun());
            return new Prepared(
                    List.of(new EncodedPrompt(prompts.tokens(text, params.field()))),
                    generation.structured().or(reading::calls).map(this::constraints),
                    format.apply(reading.behind(text)));
        });
    }

    private Formatting choices(ChoiceFormat format, GenerationParams params) {
        return (model, prompts) -> new ChoicesFormat(
                format, params, model, prompts, clock.instant().getEpochSecond());
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
                        : prompts.model()
                                .tokenizer()
                                .text(tokens, params.generation().output().skipSpecialTokens()));
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
            String field,
            Callable<Prepared> prepare) {
        unknownFields.report(exchange, params.ignored());
        ModelNames known = names.apply(exchange.caller());
        String account = exchange.caller().tenant().account(params.user());
        Optional<AutoModel> auto = known.automatic(adapters);
        if (auto.isPresent()) {
            Future<Prepared> prepared = text.run(exchange.caller().tenant(), exchange.length(), prepare);
            Future<Resolved> resolved = prepared.compose(
                    read -> routing.resolve(exchange, known, auto.get(), adapters, account, read.kept(params), field));
            write(exchange, account, params, answers, resolved, prepared);
        } else {
            // A wrong name costs no text thread.
            Future<Resolved> resolved = Future.fromCompletionStage(known.resolve(adapters), exchange.loop());
            write(
                    exchange,
                    account,
                    params,
                    answers,
                    resolved,
                    text.run(exchange.caller().tenant(), exchange.length(), prepare));
        }
    }

    private void write(
            Exchange exchange,
            String account,
            GenerationParams params,
            int answers,
            Future<Resolved> resolved,
            Future<Prepared> prepared) {
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
            List<EncodedPrompt> kept = prepared.result().kept(params);
            new AnswerWriter(
                            exchange,
                            prepared.result().format().of(resolved.result().model(), kept),
                            params.output().stream(),
                            source.of(exchange.caller()))
                    .generation()
                    .start(
                            account,
                            kept,
                            params,
                            answers,
                            resolved.result().versions(),
                            prepared.result().constraints());
        });
    }
}
