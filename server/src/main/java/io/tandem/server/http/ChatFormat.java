package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.Tokenizer;
import io.tandem.server.text.tools.AnswerParser;
import io.tandem.server.text.tools.AnswerPart;
import io.tandem.server.text.tools.AnswerPart.Call;
import io.tandem.server.text.tools.AnswerPart.Content;
import io.tandem.server.text.tools.AnswerPart.Reasoning;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** OpenAI's {@code chat.completion}. */
final class ChatFormat implements ChoiceFormat {
    private final Tokenizer tokenizer;
    private final GenerationParams params;
    private final AnswerParser.Settings settings;
    /** Of the answers that are streamed, by their index. */
    private final Map<Integer, AnswerParser> parsers = new HashMap<>();

    /** @param settings what is to be found in the answers */
    ChatFormat(Tokenizer tokenizer, GenerationParams params, AnswerParser.Settings settings) {
        this.tokenizer = tokenizer;
        this.params = params;
        this.settings = settings;
    }

    @Override
    public Set<String> shownTokens() {
        return settings.shownTokens();
    }

    @Override
    public String promptField() {
        return "messages";
    }

    @Override
    public String idPrefix() {
        return "chatcmpl-";
    }

    @Override
    public String objectName(boolean chunk) {
        return chunk ? "chat.completion.chunk" : "chat.completion";
    }

    @Override
    public ObjectNode whole(Choice choice, int index) {
        AnswerParser parser = settings.parser();
        List<AnswerPart> parts = new ArrayList<>(parser.accept(choice.text()));
        parts.addAll(parser.finish());
        StringBuilder content = new StringBuilder();
        StringBuilder reasoning = new StringBuilder();
        ArrayNode calls = JsonBody.MAPPER.createArrayNode();
        for (AnswerPart part : parts) {
            if (part instanceof Content text) {
                content.append(text.text());
            } else if (part instanceof Reasoning thought) {
                reasoning.append(thought.text());
            } else if (part instanceof Call call) {
                put(calls.addObject(), call, call.arguments());
            }
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", index);
        ObjectNode message = json.putObject("message");
        message.put("role", "assistant");
        if (content.length() == 0 && !calls.isEmpty()) {
            message.putNull("content");
        } else {
            message.put("content", content.toString());
        }
        message.putNull("refusal");
        if (reasoning.length() > 0) {
            message.put("reasoning_content", reasoning.toString());
        }
        if (!calls.isEmpty()) {
            message.set("tool_calls", calls);
        }
        json.set("logprobs", logprobs(choice.draws()));
        json.put("finish_reason", finishReason(choice, parser));
        if (params.output().tokenIds()) {
            TokenJson.putIds(json, choice.draws());
        }
        return json;
    }

    @Override
    public void putPrompt(ObjectNode response, Choice choice) {
        if (params.output().tokenIds()) {
            TokenJson.putPromptIds(response, choice);
        }
        TokenJson.putPromptLogprobs(response, choice, params.output().promptLogprobs(), tokenizer);
    }

    private static void put(ObjectNode json, Call call, String arguments) {
        json.put("id", call.id());
        json.put("type", "function");
        json.putObject("function").put("name", call.name()).put("arguments", arguments);
    }

    /** An answer that was cut is not complete, whatever calls it has. */
    private static String finishReason(Choice choice, AnswerParser parser) {
        boolean called = parser.calls() > 0 && choice.finishReason().equals("stop");
        return called ? "tool_calls" : choice.finishReason();
    }

    /** The role comes alone, as from OpenAI: its Node client counts log-probabilities of a first chunk twice. */
    @Override
    public Optional<ObjectNode> opening(Choice choice) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        json.putObject("delta").put("role", "assistant").put("content", "");
        json.putNull("logprobs");
        json.putNull("finish_reason");
        return Optional.of(json);
    }

    @Override
    public List<ObjectNode> chunks(Choice choice, String delta, List<Draw> draws) {
        AnswerParser parser = parsers.computeIfAbsent(choice.index(), index -> settings.parser());
        int calls = parser.calls();
        List<AnswerPart> parts = new ArrayList<>(parser.accept(delta));
        if (choice.ended()) {
            parts.addAll(parser.finish());
        }
        List<ObjectNode> deltas = new ArrayList<>();
        for (AnswerPart part : parts) {
            if (part instanceof Content text) {
                deltas.add(delta("content", text.text()));
            } else if (part instanceof Reasoning thought) {
                deltas.add(delta("reasoning_content", thought.text()));
            } else if (part instanceof Call call) {
                deltas.add(call(calls, json -> put(json, call, "")));
                deltas.add(call(calls, json -> json.putObject("function").put("arguments", call.arguments())));
                calls++;
            }
        }
        boolean spoken = !deltas.isEmpty() && deltas.get(deltas.size() - 1).has("content");
        if ((choice.ended() && !spoken) || (deltas.isEmpty() && !draws.isEmpty())) {
            deltas.add(JsonBody.MAPPER.createObjectNode());
        }
        List<ObjectNode> chunks = new ArrayList<>();
        for (int i = 0; i < deltas.size(); i++) {
            boolean last = choice.ended() && i == deltas.size() - 1;
            chunks.add(chunk(
                    choice, deltas.get(i), i == 0 ? draws : List.of(), last ? finishReason(choice, parser) : null));
        }
        return chunks;
    }

    private static ObjectNode delta(String field, String text) {
        return JsonBody.MAPPER.createObjectNode().put(field, text);
    }

    private static ObjectNode call(int index, Consumer<ObjectNode> fields) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ObjectNode call = json.putArray("tool_calls").addObject().put("index", index);
        fields.accept(call);
        return json;
    }

    private ObjectNode chunk(Choice choice, ObjectNode delta, List<Draw> draws, @Nullable String finishReason) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("index", choice.index());
        json.set("delta", delta);
        json.set("logprobs", logprobs(draws));
        json.put("finish_reason", finishReason);
        if (params.output().tokenIds()) {
            TokenJson.putIds(json, draws);
        }
        return json;
    }

    private @Nullable ObjectNode logprobs(List<Draw> draws) {
        if (params.sampling().topLogprobs() < 0) {
            return null;
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode content = json.putArray("content");
        draws.forEach(draw -> TokenJson.putLogprob(content.addObject(), draw, tokenizer));
        json.putNull("refusal");
        return json;
    }
}
