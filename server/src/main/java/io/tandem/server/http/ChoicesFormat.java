package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** OpenAI's objects with {@code choices}: those of completions and chats. */
final class ChoicesFormat implements AnswerFormat {
    private final ChoiceFormat format;
    private final GenerationParams params;
    private final String model;
    private final List<EncodedPrompt> prompts;
    private final String id;
    private final long created;
    private final Set<Integer> begun = new HashSet<>();
    private boolean streaming;

    /**
     * @param model that answers
     * @param created in seconds since 1970
     */
    ChoicesFormat(
            ChoiceFormat format, GenerationParams params, String model, List<EncodedPrompt> prompts, long created) {
        this.format = format;
        this.params = params;
        this.model = model;
        this.prompts = prompts;
        this.id = ObjectIds.random(format.idPrefix());
        this.created = created;
    }

    @Override
    public String promptField() {
        return format.promptField();
    }

    @Override
    public Set<String> shownTokens() {
        return format.shownTokens();
    }

    @Override
    public List<String> progress(Generation generation, Choice choice, String delta) {
        if (!params.output().stream()) {
            return List.of();
        }
        List<ObjectNode> chunks = new ArrayList<>();
        if (begun.add(choice.index())) {
            format.opening(choice).ifPresent(chunks::add);
        }
        chunks.addAll(format.chunks(choice, delta, choice.takeFresh()));
        return chunks.stream().map(chunk -> event(generation, chunk)).toList();
    }

    @Override
    public ObjectNode whole(Generation generation) {
        ObjectNode json = envelope(false);
        ArrayNode choices = json.putArray("choices");
        generation.best(params.n()).forEach(choice -> choices.add(format.whole(choice, choices.size())));
        json.set("usage", usage(generation));
        format.putPrompt(json, generation.choices().get(0));
        return json;
    }

    @Override
    public List<String> end(Generation generation) {
        List<String> events = new ArrayList<>();
        if (params.output().includeUsage()) {
            ObjectNode json = envelope(true);
            json.putArray("choices");
            events.add(event(json.set("usage", usage(generation))));
        }
        events.add("data: [DONE]\n\n");
        return events;
    }

    @Override
    public String failure(ApiException error) {
        return event(ErrorMapper.body(error));
    }

    private String event(Generation generation, ObjectNode choice) {
        ObjectNode json = envelope(true);
        json.putArray("choices").add(choice);
        if (!streaming) {
            streaming = true;
            format.putPrompt(json, generation.choices().get(0));
        }
        return event(json);
    }

    private static String event(ObjectNode json) {
        return "data: " + json + "\n\n";
    }

    private ObjectNode envelope(boolean chunk) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", id);
        json.put("object", format.objectName(chunk));
        json.put("created", created);
        json.put("model", model);
        json.put("system_fingerprint", "tandem");
        if (chunk && params.output().includeUsage()) {
            json.putNull("usage");
        }
        return json;
    }

    private ObjectNode usage(Generation generation) {
        Usage tokens = Usage.of(prompts, generation.choices());
        ObjectNode usage = JsonBody.MAPPER.createObjectNode();
        usage.put("prompt_tokens", tokens.prompt());
        usage.put("completion_tokens", tokens.completion());
        usage.put("total_tokens", tokens.prompt() + tokens.completion());
        usage.putObject("prompt_tokens_details").put("cached_tokens", tokens.cached());
        if (params.sampling().exitsEarly()) {
            usage.putObject("completion_tokens_details").put("early_exit_tokens", tokens.early());
        }
        return usage;
    }
}
