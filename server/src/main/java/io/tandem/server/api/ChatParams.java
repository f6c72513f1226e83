package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.RequestField.Route;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A checked body of {@code POST /v1/chat/completions}, or the chat that a body of {@code POST /v1/responses} means.
 *
 * @param field of the request that has the messages
 * @param tools that the model may call
 * @param rendering how the messages become text
 */
public record ChatParams(
        String field,
        GenerationParams generation,
        List<ChatMessage> messages,
        ToolChoice tools,
        ChatRendering rendering) {
    static final int MESSAGES_MAX = 4096;
    static final int PARTS_MAX = 1024;
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant", "tool");

    static final int NAME_CHARS_MAX = 256;
    static final int REASONING_CHARS_MAX = 64 << 20;
    /** Parts of an answer that clients send back in the next request, empty as they were. */
    private static final Set<String> MESSAGE_EMPTY = Set.of("refusal", "function_call", "annotations", "audio");

    private static final Set<String> MESSAGE_KNOWN = Stream.concat(
                    MESSAGE_EMPTY.stream(),
                    Stream.of("role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content"))
            .collect(Collectors.toUnmodifiableSet());

    public static ChatParams read(JsonBody body, RequestBounds bounds) {
        List<String> ignored = RequestFields.check(body, Route.CHAT, bounds);
        List<ChatMessage> messages = messages(body, ignored);
        OptionalInt maxTokens = GenerationParams.maxTokens(body);
        ToolChoice tools = ToolChoice.read(body);
        Optional<StructuredOutput> structured = StructuredOutput.read(body);
        tools.requireNoContradiction(structured);
        return new ChatParams(
                "messages",
                GenerationParams.read(body, maxTokens, topLogprobs(body), structured, ignored, bounds),
                messages,
                tools,
                ChatRendering.read(body, messages, tools.tools()).withEffort(body.optionalString("reasoning_effort")));
    }

    private static int topLogprobs(JsonBody body) {
        boolean logprobs = body.optionalBoolean("logprobs", false);
        OptionalInt top = body.optionalInt("top_logprobs");
        if (!logprobs && top.orElse(0) > 0) {
            throw body.invalid("top_logprobs", "is only allowed when 'logprobs' is true.");
        }
        return logprobs ? top.orElse(0) : -1;
    }

    /**
     * The field {@code messages}.
     *
     * @param ignored gets the names of fields that nothing reads
     */
    static List<ChatMessage> messages(JsonBody body, List<String> ignored) {
        JsonNode value = body.find("messages");
        if (value == null) {
            throw body.invalid("messages", "is required.");
        }
        if (!value.isArray() || value.isEmpty() || value.size() > MESSAGES_MAX) {
            throw body.invalid("messages", "must be an array of 1 to " + MESSAGES_MAX + " messages.");
        }
        List<ChatMessage> messages = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            messages.add(message(body.element("messages", value, i), ignored));
        }
        return List.copyOf(messages);
    }

    private static ChatMessage message(JsonBody message, List<String> ignored) {
        ignored.addAll(message.unknown(MESSAGE_KNOWN));
        for (String field : MESSAGE_EMPTY) {
            message.refuseUnless(field, ChatParams::isNothing);
        }
        // Clients of several agents name each speaker; chat templates know names of tools only.
        String name = message.optionalString("name", NAME_CHARS_MAX).orElse("");
        String role = message.requiredString("role", 64);
        if (!ROLES.contains(role)) {
            throw message.invalid("role", "must be one of system, developer, user, assistant and tool.");
        }
        List<ToolCall> calls = ToolCall.read(message);
        if (!calls.isEmpty() && !role.equals("assistant")) {
            throw message.invalid("tool_calls", "is only allowed in messages of the assistant.");
        }
        String callId = message.optionalString("tool_call_id", NAME_CHARS_MAX).orElse("");
        String reasoning =
                message.optionalString("reasoning_content", REASONING_CHARS_MAX).orElse("");
        boolean silent = !calls.isEmpty() && message.find("content") == null;
        String content = silent ? "" : content(message);
        // Templates know no developers; OpenAI's newer name means the same.
        return new ChatMessage(
                role.equals("developer") ? "system" : role,
                content,
                reasoning,
                calls,
                callId,
                role.equals("tool") ? name : "");
    }

    private static String content(JsonBody message) {
        JsonNode content = message.find("content");
        if (content == null) {
            throw message.invalid("content", "is required.");
        }
        if (content.isTextual()) {
            return content.textValue();
        }
        if (!content.isArray() || content.isEmpty() || content.size() > PARTS_MAX) {
            throw message.invalid("content", "must be a string or an array of 1 to " + PARTS_MAX + " text parts.");
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            JsonBody part = message.element("content", content, i);
            if (!part.requiredString("type", NAME_CHARS_MAX).equals("text")) {
                throw part.invalid("type", "must be text, the only type of content that the model reads.");
            }
            part.rejectUnknown(Set.of("type", "text"));
            text.append(part.optionalString("text").orElseThrow(() -> part.invalid("text", "is required.")));
        }
        return text.toString();
    }

    /** Whether a value says as much as its absence. */
    private static boolean isNothing(JsonNode value) {
        return value.isArray() && value.isEmpty();
    }
}
