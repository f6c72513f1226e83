package io.tandem.server.text;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Reads one example of a training file. */
final class ExampleLine {
    /** Why a line is refused. */
    static final class Rejected extends RuntimeException {
        Rejected(String reason) {
            super(reason, null, false, false);
        }
    }

    private record Message(ChatMessage chat, boolean learned) {}

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    private static final Set<String> ROLES = Set.of("system", "user", "assistant");

    private final ServedModel model;
    private final int maxTokens;

    ExampleLine(ServedModel model, int maxTokens) {
        this.model = model;
        this.maxTokens = maxTokens;
    }

    LearnedText read(String line) {
        JsonNode example;
        try {
            example = MAPPER.readTree(line);
        } catch (JacksonException e) {
            throw new Rejected("is not valid JSON: " + JsonFile.excerpt(e.getOriginalMessage()));
        }
        if (!example.isObject()) {
            throw new Rejected("is not a JSON object");
        }
        if (example.has("messages")) {
            refuseOthers(example, Set.of("messages"), "");
            return chat(messages(example.path("messages")));
        }
        refuseOthers(example, Set.of("prompt", "completion"), "");
        return completion(text(example, "prompt", ""), text(example, "completion", ""));
    }

    private LearnedText completion(String prompt, String completion) {
        LearnedText text = new LearnedText();
        add(text, model.tokenizer().encode(prompt, true), false);
        add(text, model.tokenizer().encode(completion, true), true);
        model.stopTokens().stream().limit(1).forEach(stop -> add(text, new int[] {stop}, true));
        return text;
    }

    /** Each answer is cut off where the generation prompt ends, as it is when the model is asked. */
    private LearnedText chat(List<Message> messages) {
        List<ChatMessage> chat = messages.stream().map(Message::chat).toList();
        LearnedText text = new LearnedText();
        String done = "";
        for (int i = 0; i < chat.size(); i++) {
            if (!chat.get(i).role().equals("assistant")) {
                continue;
            }
            String before = render(chat.subList(0, i), true);
            String after = render(chat.subList(0, i + 1), false);
            if (!before.startsWith(done) || !after.startsWith(before)) {
                throw new Rejected("messages[" + i + "] cannot be learned: the chat template changes what comes before"
                        + " an assistant message");
            }
            add(text, model.tokenizer().encode(before.substring(done.length()), true), false);
            answer(text, after.substring(before.length()), messages.get(i).learned());
            done = after;
        }
        return text;
    }

    /** Nothing behind the end of the turn is learned: the model is never asked for it. */
    private void answer(LearnedText text, String answer, boolean learned) {
        int[] tokens = model.tokenizer().encode(answer, true);
        int end = tokens.length;
        while (end > 0 && !model.stopTokens().contains(tokens[end - 1])) {
            end--;
        }
        end = end == 0 ? tokens.length : end;
        for (int t = 0; t < tokens.length; t++) {
            add(text, new int[] {tokens[t]}, learned && t < end);
        }
    }

    /** Stops at the limit, or a chat of very many messages would be rendered again for each of them. */
    private void add(LearnedText text, int[] tokens, boolean learned) {
        text.add(tokens, learned);
        if (text.size() > maxTokens) {
            throw new Rejected("has more than " + maxTokens + " tokens");
        }
    }

    private String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        try {
            return model.template().render(messages, addGenerationPrompt);
        } catch (ApiException e) {
            throw new Rejected(String.valueOf(e.getMessage()));
        }
    }

    private static List<Message> messages(JsonNode array) {
        if (!array.isArray() || array.isEmpty()) {
            throw new Rejected("messages is not a list with messages");
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode message : array) {
            messages.add(message(message, "messages[" + messages.size() + "]"));
        }
        if (messages.stream().noneMatch(message -> message.chat().role().equals("assistant"))) {
            throw new Rejected("has no assistant message");
        }
        if (!messages.get(messages.size() - 1).chat().role().equals("assistant")) {
            throw new Rejected("the last message is not the assistant's");
        }
        return messages;
    }

    private static Message message(JsonNode message, String where) {
        if (!message.isObject()) {
            throw new Rejected(where + " is not an object");
        }
        refuseOthers(message, Set.of("role", "content", "weight"), where + ".");
        String role = text(message, "role", where + ".");
        if (!ROLES.contains(role)) {
            throw new Rejected(where + ".role is " + JsonFile.excerpt(role) + ", expected system, user or assistant");
        }
        boolean assistant = role.equals("assistant");
        JsonNode weight = message.path("weight");
        boolean zeroOrOne = weight.isInt() && (weight.intValue() == 0 || weight.intValue() == 1);
        if (!weight.isMissingNode() && !(assistant && zeroOrOne)) {
            throw new Rejected(where + ".weight must be 0 or 1, and only of an assistant message");
        }
        ChatMessage chat = new ChatMessage(role, text(message, "content", where + "."));
        return new Message(chat, assistant && (weight.isMissingNode() || weight.intValue() == 1));
    }

    private static void refuseOthers(JsonNode object, Set<String> known, String where) {
        object.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                throw new Rejected(where + JsonFile.excerpt(name) + " is not a known key");
            }
        });
    }

    private static String text(JsonNode object, String key, String where) {
        JsonNode value = object.path(key);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw new Rejected(where + key + (value.isTextual() ? " is empty" : " is missing or not a text"));
        }
        return value.textValue();
    }
}
