package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.ResponseParams;
import io.tandem.server.text.Tokenizer;
import io.tandem.server.text.tools.AnswerParser;
import io.tandem.server.text.tools.AnswerPart;
import io.tandem.server.text.tools.AnswerPart.Reasoning;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** OpenAI's {@code response} and the events of its stream. It has one answer. */
final class ResponseFormat implements AnswerFormat {
    private final Tokenizer tokenizer;
    private final ResponseParams request;
    private final String model;
    private final GenerationParams params;
    private final AnswerParser.Settings settings;
    private final AnswerParser parser;
    private final List<EncodedPrompt> prompts;
    private final long created;
    private final String id = ObjectIds.random("resp_");
    private final ResponseItems items = new ResponseItems(this::event);
    private List<String> events = new ArrayList<>();
    private int sequence;
    private boolean thinking;
    private int reasoningTokens;

    /**
     * @param model that answers
     * @param settings what is to be found in the answer
     * @param created in seconds since 1970
     */
    ResponseFormat(
            Tokenizer tokenizer,
            ResponseParams request,
            String model,
            AnswerParser.Settings settings,
            List<EncodedPrompt> prompts,
            long created) {
        this.tokenizer = tokenizer;
        this.request = request;
        this.model = model;
        this.params = request.chat().generation();
        this.settings = settings;
        this.parser = settings.parser();
        this.prompts = prompts;
        this.created = created;
    }

    @Override
    public String promptField() {
        return request.chat().field();
    }

    @Override
    public Set<String> shownTokens() {
        return settings.shownTokens();
    }

    @Override
    public List<String> progress(Generation generation, Choice choice, String delta) {
        if (params.output().stream() && sequence == 0) {
            state("created", response("in_progress"));
            state("in_progress", response("in_progress"));
        }
        List<AnswerPart> parts = new ArrayList<>(parser.accept(delta));
        if (choice.ended()) {
            parts.addAll(parser.finish());
        }
        ArrayNode logprobs = logprobs(parts.isEmpty() ? List.of() : choice.takeFresh());
        for (AnswerPart part : parts) {
            thinking = part instanceof Reasoning;
            if (thinking) {
                reasoningTokens = choice.tokens();
            }
            items.add(part, logprobs);
            logprobs = logprobs(List.of());
        }
        if (choice.ended()) {
            if (thinking) {
                // Tokens without text are not heard of one by one.
                reasoningTokens = choice.completionTokens();
            }
            items.end(cut(choice) ? "incomplete" : "completed");
        }
        return takeEvents();
    }

    private ArrayNode logprobs(List<Draw> draws) {
        ArrayNode logprobs = JsonBody.MAPPER.createArrayNode();
        if (params.sampling().topLogprobs() >= 0) {
            draws.forEach(draw -> TokenJson.putLogprob(logprobs.addObject(), draw, tokenizer));
        }
        return logprobs;
    }

    @Override
    public ObjectNode whole(Generation generation) {
        Choice choice = generation.choices().get(0);
        ObjectNode json = response(cut(choice) ? "incomplete" : "completed");
        if (cut(choice)) {
            json.putObject("incomplete_details").put("reason", "max_output_tokens");
        }
        Usage tokens = Usage.of(prompts, generation.choices());
        ObjectNode usage = json.putObject("usage");
        usage.put("input_tokens", tokens.prompt());
        // Clients insist on both; storing a prompt in the cache costs nothing extra.
        usage.putObject("input_tokens_details")
                .put("cached_tokens", tokens.cached())
                .put("cache_write_tokens", 0);
        usage.put("output_tokens", tokens.completion());
        ObjectNode details = usage.putObject("output_tokens_details").put("reasoning_tokens", reasoningTokens);
        if (params.sampling().exitsEarly()) {
            details.put("early_exit_tokens", tokens.early());
        }
        usage.put("total_tokens", tokens.prompt() + tokens.completion());
        return json;
    }

    private static boolean cut(Choice choice) {
        return choice.finishReason().equals("length");
    }

    @Override
    public List<String> end(Generation generation) {
        ObjectNode json = whole(generation);
        state(json.path("status").asText(), json);
        return takeEvents();
    }

    @Override
    public String failure(ApiException error) {
        ObjectNode json = response("failed");
        String code = error.status() == 429 ? "rate_limit_exceeded" : "server_error";
        json.putObject("error").put("code", code).put("message", error.getMessage());
        state("failed", json);
        return String.join("", takeEvents());
    }

    private ObjectNode response(String status) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", id).put("object", "response").put("created_at", created);
        json.put("status", status).put("background", false);
        json.putNull("error").putNull("incomplete_details");
        json.put("model", model);
        json.set("output", items.json());
        json.putNull("usage");
        json.setAll(request.echo());
        return json;
    }

    private void state(String type, ObjectNode response) {
        event(type, JsonBody.MAPPER.createObjectNode().set("response", response));
    }

    private void event(String type, ObjectNode fields) {
        if (!params.output().stream()) {
            return;
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("type", "response." + type).put("sequence_number", sequence);
        json.setAll(fields);
        sequence++;
        events.add("event: response." + type + "\ndata: " + json + "\n\n");
    }

    private List<String> takeEvents() {
        List<String> taken = events;
        events = new ArrayList<>();
        return taken;
    }
}
