package io.tandem.server.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.ExampleLine.Chat;
import io.tandem.server.dataset.ExampleLine.Completion;
import io.tandem.server.dataset.ExampleLine.Message;
import io.tandem.server.dataset.ExampleLine.Preference;
import io.tandem.server.text.JsonFile;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads the JSON of a line. OpenAI's shapes, texts without a prompt, and keys for the ability and the control. */
final class ExampleParser {
    private static final Set<String> ROLES = Set.of("system", "user", "assistant");
    private static final Set<String> CHAT = Set.of("messages", "ability", "control");
    private static final Set<String> PREFERENCE =
            Set.of("input", "preferred_output", "non_preferred_output", "ability", "control");
    private static final Set<String> TEXT = Set.of("text", "ability", "control");
    private static final Set<String> COMPLETION = Set.of("prompt", "completion", "ability", "control");
    private static final Set<String> MESSAGE = Set.of("role", "content");
    private static final Set<String> WEIGHTED_MESSAGE = Set.of("role", "content", "weight");
    private static final Set<String> TOOLS =
            Set.of("tools", "functions", "parallel_tool_calls", "tool_calls", "function_call", "tool_call_id");

    private ExampleParser() {}

    /** @throws RejectedLine if it is anything else */
    static ExampleLine parse(String line) {
        JsonNode example;
        try {
            example = JsonBody.MAPPER.readTree(line);
        } catch (JsonProcessingException e) {
            throw new RejectedLine("is not valid JSON: " + JsonFile.excerpt(e.getOriginalMessage()));
        }
        if (!example.isObject()) {
            throw new RejectedLine("is not a JSON object");
        }
        if (example.has("messages")) {
            refuseOthers(example, CHAT, "");
            return new Chat(chat(example.get("messages")), tags(example));
        }
        if (example.has("input") || example.has("preferred_output") || example.has("non_preferred_output")) {
            return preference(example);
        }
        if (example.has("text")) {
            refuseOthers(example, TEXT, "");
            return new Completion("", text(example, "text", ""), tags(example));
        }
        refuseOthers(example, COMPLETION, "");
        if (!example.has("prompt") && !example.has("completion")) {
            throw new RejectedLine("has none of the keys messages, prompt, text and input");
        }
        return new Completion(text(example, "prompt", ""), text(example, "completion", ""), tags(example));
    }

    private static Preference preference(JsonNode example) {
        refuseOthers(example, PREFERENCE, "");
        JsonNode input = example.path("input");
        if (!input.isObject()) {
            throw new RejectedLine("input is missing or not an object");
        }
        refuseOthers(input, Set.of("messages"), "input.");
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode message : list(input.path("messages"), "input.messages")) {
            messages.add(message(message, MESSAGE, "input.messages[" + messages.size() + "]"));
        }
        if (isAssistant(messages.get(messages.size() - 1))) {
            throw new RejectedLine("the last message of input is the assistant's");
        }
        return new Preference(
                List.copyOf(messages),
                output(example, "preferred_output"),
                output(example, "non_preferred_output"),
                tags(example));
    }

    private static ChatMessage output(JsonNode example, String key) {
        JsonNode list = list(example.path(key), key);
        ChatMessage message = message(list.get(0), MESSAGE, key + "[0]");
        if (list.size() > 1 || !isAssistant(message)) {
            throw new RejectedLine(key + " is not one assistant message");
        }
        return message;
    }

    private static List<Message> chat(JsonNode array) {
        List<Message> messages = new ArrayList<>();
        for (JsonNode message : list(array, "messages")) {
            messages.add(weighted(message, "messages[" + messages.size() + "]"));
        }
        if (messages.stream().noneMatch(message -> isAssistant(message.chat()))) {
            throw new RejectedLine("has no assistant message");
        }
        if (!isAssistant(messages.get(messages.size() - 1).chat())) {
            throw new RejectedLine("the last message is not the assistant's");
        }
        return messages;
    }

    private static JsonNode list(JsonNode array, String where) {
        if (!array.isArray() || array.isEmpty()) {
            throw new RejectedLine(where + " is not a list with messages");
        }
        return array;
    }

    private static Message weighted(JsonNode node, String where) {
        ChatMessage message = message(node, WEIGHTED_MESSAGE, where);
        JsonNode weight = node.path("weight");
        boolean assistant = isAssistant(message);
        boolean zeroOrOne = weight.isInt() && (weight.intValue() == 0 || weight.intValue() == 1);
        if (!weight.isMissingNode() && !(assistant && zeroOrOne)) {
            throw new RejectedLine(where + ".weight must be 0 or 1, and only of an assistant message");
        }
        return new Message(message, assistant && (weight.isMissingNode() || weight.intValue() == 1));
    }

    private static ChatMessage message(JsonNode message, Set<String> keys, String where) {
        if (!message.isObject()) {
            throw new RejectedLine(where + " is not an object");
        }
        refuseOthers(message, keys, where + ".");
        String role = text(message, "role", where + ".");
        if (!ROLES.contains(role)) {
            throw new RejectedLine(
                    where + ".role is " + JsonFile.excerpt(role) + ", expected system, user or assistant");
        }
        return new ChatMessage(role, text(message, "content", where + "."));
    }

    private static boolean isAssistant(ChatMessage message) {
        return message.role().equals("assistant");
    }

    private static Tags tags(JsonNode example) {
        return new Tags(tag(example, "ability"), tag(example, "control"));
    }

    private static Optional<String> tag(JsonNode example, String key) {
        JsonNode value = example.path(key);
        if (value.isMissingNode()) {
            return Optional.empty();
        }
        if (!value.isTextual() || !Tags.allowed(value.textValue())) {
            throw new RejectedLine(key + " is not " + Tags.ALLOWED);
        }
        return Optional.of(value.textValue());
    }

    private static void refuseOthers(JsonNode object, Set<String> known, String where) {
        object.fieldNames().forEachRemaining(name -> {
            if (TOOLS.contains(name)) {
                throw new RejectedLine(where + name + ": tool calls cannot be trained here, leave it out");
            }
            if (!known.contains(name)) {
                throw new RejectedLine(where + JsonFile.excerpt(name) + " is not a known key");
            }
        });
    }

    private static String text(JsonNode object, String key, String where) {
        JsonNode value = object.path(key);
        if (!value.isTextual() || value.textValue().isEmpty()) {
            throw new RejectedLine(where + key + (value.isTextual() ? " is empty" : " is missing or not a text"));
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(value.textValue())) {
            throw new RejectedLine(where + key + " has half a surrogate pair, which is no character");
        }
        return value.textValue();
    }
}
