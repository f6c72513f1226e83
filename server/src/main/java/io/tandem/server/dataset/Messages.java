package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.Tool;
import io.tandem.server.api.ToolCall;
import io.tandem.server.dataset.ExampleLine.Message;
import io.tandem.server.dataset.ExampleLine.Preference;
import io.tandem.server.text.JsonFile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Messages of chats and preference pairs. */
final class Messages {
    /** As in requests: a developer is the system to chat templates. */
    private static final Map<String, String> ROLES =
            Map.of("system", "system", "developer", "system", "user", "user", "assistant", "assistant", "tool", "tool");

    private static final Map<String, String> SHAREGPT_ROLES = Map.of(
            "human",
            "user",
            "user",
            "user",
            "gpt",
            "assistant",
            "assistant",
            "assistant",
            "model",
            "assistant",
            "chatgpt",
            "assistant",
            "bot",
            "assistant",
            "system",
            "system");

    /** OpenAI's older names for tools; empty lists of them say that there are none. */
    private static final Map<String, String> REPLACED = Map.of("functions", "tools", "function_call", "tool_calls");

    /** A name is not rendered by chat templates; requests may have one as well. */
    private static final Set<String> MESSAGE =
            Set.of("role", "content", "reasoning_content", "thinking", "name", "tool_calls", "tool_call_id");

    private static final Set<String> WEIGHTED_MESSAGE =
            Stream.concat(MESSAGE.stream(), Stream.of("weight")).collect(Collectors.toUnmodifiableSet());

    private Messages() {}

    /**
     * The tools that a chat shows to the model, as in requests.
     *
     * @param where the object is in its line, empty for the line itself
     */
    static List<Tool> tools(JsonNode object, String where) {
        if (!(object instanceof ObjectNode body)) {
            return List.of();
        }
        refuseReplaced(object, where.isEmpty() ? "" : where + ".");
        return checked(() -> Tool.read(where.isEmpty() ? JsonBody.of(body) : JsonBody.inside(body, where)));
    }

    /** What requests complain about is a reason to reject a line. */
    private static <T> T checked(Supplier<T> read) {
        try {
            return read.get();
        } catch (ApiException e) {
            throw new RejectedLine(String.valueOf(e.getMessage()));
        }
    }

    private static void refuseReplaced(JsonNode object, String where) {
        for (String key : Texts.keys(object)) {
            JsonNode value = object.path(key);
            String replacement = REPLACED.get(key);
            if (replacement != null && !(value.isArray() && value.isEmpty())) {
                throw new RejectedLine(where + key + " is an older name; write " + replacement + " instead");
            }
        }
    }

    /** A chat that ends with an answer; each answer is learned unless its weight is 0. */
    static List<Message> weighted(JsonNode array, String where) {
        List<Message> messages = new ArrayList<>();
        for (JsonNode node : list(array, where)) {
            String place = where + "[" + messages.size() + "]";
            ChatMessage message = message(node, WEIGHTED_MESSAGE, place);
            int weight = weight(node, message, place);
            messages.add(new Message(message, isAssistant(message) && weight == 1));
        }
        return requireAnswer(messages);
    }

    private static int weight(JsonNode node, ChatMessage message, String where) {
        JsonNode weight = node.path("weight");
        if (weight.isMissingNode() || weight.isNull()) {
            return 1;
        }
        boolean zeroOrOne = weight.isNumber() && (weight.doubleValue() == 0 || weight.doubleValue() == 1);
        if (!zeroOrOne || !isAssistant(message)) {
            throw new RejectedLine(where + ".weight must be 0 or 1, and only of an assistant message");
        }
        return weight.intValue();
    }

    private static List<Message> requireAnswer(List<Message> messages) {
        if (messages.stream().noneMatch(message -> isAssistant(message.chat()))) {
            throw new RejectedLine("has no assistant message");
        }
        if (!isAssistant(messages.get(messages.size() - 1).chat())) {
            throw new RejectedLine("the last message is not the assistant's");
        }
        return messages;
    }

    /** ShareGPT's turns, of {@code from} and {@code value}, or messages under its key. */
    static List<Message> shareGpt(JsonNode array) {
        JsonNode turns = list(array, "conversations");
        if (turns.get(0).has("role")) {
            return weighted(array, "conversations");
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode turn : turns) {
            String where = "conversations[" + messages.size() + "].";
            String from = Texts.required(turn, "from", where);
            String role = SHAREGPT_ROLES.get(from);
            if (role == null) {
                throw new RejectedLine(where + "from is " + JsonFile.excerpt(from) + ", expected human, gpt or system");
            }
            ChatMessage message = new ChatMessage(role, Texts.required(turn, "value", where));
            messages.add(new Message(message, isAssistant(message)));
        }
        return requireAnswer(messages);
    }

    /** The prompt of OpenAI's preference pairs. */
    static List<ChatMessage> input(JsonNode input) {
        if (!input.isObject()) {
            throw new RejectedLine("input is missing or not an object");
        }
        refuseOthers(input, Set.of("messages", "tools", "parallel_tool_calls"), "input.");
        List<ChatMessage> messages = plain(input.path("messages"), "input.messages");
        if (isAssistant(messages.get(messages.size() - 1))) {
            throw new RejectedLine("the last message of input is the assistant's");
        }
        return messages;
    }

    /** A list of one assistant message. */
    static ChatMessage answer(JsonNode array, String where) {
        ChatMessage message = message(list(array, where).get(0), MESSAGE, where + "[0]");
        if (array.size() > 1 || !isAssistant(message)) {
            throw new RejectedLine(where + " is not one assistant message");
        }
        return message;
    }

    /** TRL's pair of messages: behind {@code prompt}, or whole chats that differ in their last message only. */
    static Preference preference(JsonNode line, Tags tags) {
        List<ChatMessage> chosen = plain(line.path("chosen"), "chosen");
        List<ChatMessage> rejected = plain(line.path("rejected"), "rejected");
        List<ChatMessage> prompt = new ArrayList<>();
        if (line.hasNonNull("prompt")) {
            prompt.addAll(plain(line.path("prompt"), "prompt"));
        }
        prompt.addAll(chosen.subList(0, chosen.size() - 1));
        if (!chosen.subList(0, chosen.size() - 1).equals(rejected.subList(0, rejected.size() - 1))) {
            throw new RejectedLine("chosen and rejected differ in more than their last message");
        }
        if (prompt.isEmpty() || isAssistant(prompt.get(prompt.size() - 1))) {
            throw new RejectedLine("has no prompt that ends with a message of the user");
        }
        return new Preference(List.copyOf(prompt), last(chosen, "chosen"), last(rejected, "rejected"), tags);
    }

    private static ChatMessage last(List<ChatMessage> messages, String where) {
        ChatMessage last = messages.get(messages.size() - 1);
        if (!isAssistant(last)) {
            throw new RejectedLine("the last message of " + where + " is not the assistant's");
        }
        return last;
    }

    private static List<ChatMessage> plain(JsonNode array, String where) {
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode node : list(array, where)) {
            messages.add(message(node, MESSAGE, where + "[" + messages.size() + "]"));
        }
        return List.copyOf(messages);
    }

    private static JsonNode list(JsonNode array, String where) {
        if (!array.isArray() || array.isEmpty()) {
            throw new RejectedLine(where + " is not a list with messages");
        }
        return array;
    }

    private static ChatMessage message(JsonNode message, Set<String> keys, String where) {
        if (!message.isObject()) {
            throw new RejectedLine(where + " is not an object");
        }
        refuseReplaced(message, where + ".");
        refuseOthers(message, keys, where + ".");
        String role = ROLES.get(Texts.required(message, "role", where + "."));
        if (role == null) {
            throw new RejectedLine(
                    where + ".role is " + JsonFile.excerpt(message.path("role").textValue())
                            + ", expected system, user, assistant or tool");
        }
        List<ToolCall> calls = checked(() -> ToolCall.read(JsonBody.inside((ObjectNode) message, where)));
        if (!calls.isEmpty() && !role.equals("assistant")) {
            throw new RejectedLine(where + ".tool_calls is only allowed in messages of the assistant");
        }
        boolean mayBeEmpty = role.equals("tool") || !calls.isEmpty();
        String content = mayBeEmpty
                ? Texts.optional(message, "content", where + ".")
                : Texts.required(message, "content", where + ".");
        // Chat templates know names of tools only.
        String name = role.equals("tool") ? Texts.optional(message, "name", where + ".") : "";
        return new ChatMessage(
                role,
                content,
                reasoning(message, role, where + "."),
                calls,
                Texts.optional(message, "tool_call_id", where + "."),
                name);
    }

    /** Also by the name that gpt-oss has for it. */
    private static String reasoning(JsonNode message, String role, String where) {
        String key = message.hasNonNull("thinking") ? "thinking" : "reasoning_content";
        if (key.equals("thinking") && message.hasNonNull("reasoning_content")) {
            throw new RejectedLine(where + "thinking is another name of reasoning_content; remove one of them");
        }
        String reasoning = Texts.optional(message, key, where);
        if (!reasoning.isEmpty() && !role.equals("assistant")) {
            throw new RejectedLine(where + key + " is only allowed in messages of the assistant");
        }
        return reasoning;
    }

    private static void refuseOthers(JsonNode object, Set<String> known, String where) {
        for (String key : Texts.keys(object)) {
            if (!known.contains(key) && !REPLACED.containsKey(key)) {
                throw new RejectedLine(where + JsonFile.excerpt(key) + " is not a known key; remove it");
            }
        }
    }

    private static boolean isAssistant(ChatMessage message) {
        return message.role().equals("assistant");
    }
}
