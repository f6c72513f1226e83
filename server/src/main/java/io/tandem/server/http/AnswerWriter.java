package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.Rejection;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.ServedModel;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** Writes a generation as one JSON object, or as server-sent events while it grows. */
final class AnswerWriter implements Generation.Listener {
    /** A client that reads so much slower than it is written to has lost interest. */
    private static final int MAX_UNREAD_CHUNKS = 4096;

    private final RoutingContext context;
    private final AnswerFormat format;
    private final GenerationParams params;
    private final List<EncodedPrompt> prompts;
    private final ServedModel model;
    private final String id;
    private final long created;
    private final Set<Integer> begun = new HashSet<>();
    private Generation generation;
    private int unread;

    AnswerWriter(
            RoutingContext context,
            AnswerFormat format,
            GenerationParams params,
            List<EncodedPrompt> prompts,
            Generation.Source source,
            long created) {
        this.context = context;
        this.format = format;
        this.params = params;
        this.prompts = prompts;
        this.id = format.idPrefix() + UUID.randomUUID().toString().replace("-", "");
        this.created = created;
        this.model = source.model();
        this.generation = new Generation(source, context.vertx().getOrCreateContext(), this, format.shownTokens());
    }

    /** A client that goes away frees its sequences, whether it was promised a stream or not. */
    Generation generation() {
        HttpServerResponse response = context.response();
        response.closeHandler(ignored -> generation.cancel());
        response.exceptionHandler(ignored -> generation.cancel());
        return generation;
    }

    @Override
    public void progress(Choice choice, String delta) {
        if (!params.output().stream()) {
            return;
        }
        if (begun.add(choice.index())) {
            format.opening(choice).ifPresent(this::sendChoice);
        }
        format.chunks(choice, delta, choice.takeFresh()).forEach(this::sendChoice);
    }

    @Override
    public void done() {
        if (!params.output().stream()) {
            ObjectNode json = envelope(false);
            ArrayNode choices = json.putArray("choices");
            generation.best(params.n()).forEach(choice -> choices.add(format.whole(choice, choices.size())));
            json.set("usage", usage());
            format.putPrompt(json, generation.choices().get(0));
            context.response().putHeader("Content-Type", "application/json").end(json.toString());
            return;
        }
        if (params.output().includeUsage()) {
            ObjectNode json = envelope(true);
            json.putArray("choices");
            send(json.set("usage", usage()));
        }
        context.response().end("data: [DONE]\n\n");
    }

    @Override
    public void refused(Rejection rejection) {
        failed(ErrorMapper.refusal(rejection, format.promptField(), model));
    }

    @Override
    public void failed(ApiException error) {
        if (context.response().headWritten()) {
            ErrorMapper.log(context.request(), error);
            context.response().end("data: " + ErrorMapper.body(error) + "\n\n");
        } else {
            context.fail(error);
        }
    }

    private void send(ObjectNode json) {
        HttpServerResponse response = context.response();
        if (response.ended() || response.closed()) {
            return;
        }
        if (!response.headWritten()) {
            response.setChunked(true)
                    .putHeader("Content-Type", "text/event-stream")
                    .putHeader("Cache-Control", "no-cache");
        }
        unread = response.writeQueueFull() ? unread + 1 : 0;
        if (unread > MAX_UNREAD_CHUNKS) {
            generation.cancel();
            response.reset();
            return;
        }
        response.write("data: " + json + "\n\n");
    }

    private void sendChoice(ObjectNode choice) {
        ObjectNode json = envelope(true);
        json.putArray("choices").add(choice);
        if (!context.response().headWritten()) {
            format.putPrompt(json, generation.choices().get(0));
        }
        send(json);
    }

    private ObjectNode envelope(boolean chunk) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", id);
        json.put("object", format.objectName(chunk));
        json.put("created", created);
        json.put("model", params.model());
        json.put("system_fingerprint", "tandem");
        if (chunk && params.output().includeUsage()) {
            json.putNull("usage");
        }
        return json;
    }

    /** Prompts count once, however many answers they get. */
    private ObjectNode usage() {
        int prompt = prompts.stream().mapToInt(each -> each.tokens().length).sum();
        int completion = generation.choices().stream()
                .mapToInt(choice -> choice.completionTokens())
                .sum();
        int answers = generation.choices().size() / prompts.size();
        int cached = generation.choices().stream()
                .filter(choice -> choice.index() % answers == 0)
                .mapToInt(choice -> choice.cachedTokens())
                .sum();
        ObjectNode usage = JsonBody.MAPPER.createObjectNode();
        usage.put("prompt_tokens", prompt);
        usage.put("completion_tokens", completion);
        usage.put("total_tokens", prompt + completion);
        usage.putObject("prompt_tokens_details").put("cached_tokens", cached);
        return usage;
    }
}
