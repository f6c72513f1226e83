package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** A checked body of {@code POST /v1/chat/completions}. */
public record ChatParams(GenerationParams generation, List<ChatMessage> messages) {
    private static final int MESSAGES_MAX = 4096;
    private static final int PARTS_MAX = 1024;
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant");
    /** Would change the answer, so only values that mean "no" are taken. */
    private static final Set<String> UNSUPPORTED = Set.of(
            "tools", "functions", "audio", "web_search_options", "reasoning_effort", "verbosity", "function_call");
    /** Change nothing here: they are about billing, abuse, speed, or features that are refused elsewhere. */
    private static final Set<String> HARMLESS = Set.of(
            "metadata",
            "service_tier",
            "parallel_tool_calls",
            "prediction",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_retention");
    /** Parts of an answer that clients send back in the next request, empty as they were. */
    private static final int NAME_CHARS_MAX = 256;

    private static final Set<String> MESSAGE_EMPTY =
            Set.of("refusal", "tool_calls", "function_call", "annotations", "audio", "tool_call_id");

    private static final Set<String> KNOWN = union(
            GenerationParams.KNOWN,
            UNSUPPORTED,
            HARMLESS,
            Set.of(
                    "messages",
                    "max_completion_tokens",
                    "top_logprobs",
                    "store",
                    "response_format",
                    "modalities",
                    "tool_choice"));
    private static final Set<String> MESSAGE_KNOWN = union(MESSAGE_EMPTY, Set.of("role", "content", "name"));

    public static ChatParams read(JsonBody body, RequestBounds bounds) {
        body.rejectUnknown(KNOWN);
        for (String field : UNSUPPORTED) {
            body.refuseUnless(field, ChatParams::isNothing);
        }
        body.refuseUnless("store", value -> value.isBoolean() && !value.booleanValue());
        body.refuseUnless(
                "response_format", value -> value.path("type").asText().equals("text"));
        body.refuseUnless(
                "modalities",
                value -> value.isArray()
                        && value.size() == 1
                        && value.get(0).asText().equals("text"));
        body.refuseUnless(
                "tool_choice",
                value -> value.asText().equals("none") || value.asText().equals("auto"));
        return new ChatParams(
                GenerationParams.read(body, maxTokens(body, bounds.contextTokens()), topLogprobs(body), bounds),
                messages(body));
    }

    private static OptionalInt maxTokens(JsonBody body, int contextTokens) {
        OptionalInt old = body.optionalInt("max_tokens", 1, contextTokens, RequestBounds.CONTEXT_SETTING);
        OptionalInt now = body.optionalInt("max_completion_tokens", 1, contextTokens, RequestBounds.CONTEXT_SETTING);
        if (old.isPresent() && now.isPresent() && !old.equals(now)) {
            throw body.invalid("max_tokens", "contradicts 'max_completion_tokens'; send only one of them.");
        }
        return now.isPresent() ? now : old;
    }

    private static int topLogprobs(JsonBody body) {
        boolean logprobs = body.optionalBoolean("logprobs", false);
        OptionalInt top = body.optionalInt("top_logprobs", 0, GenerationParams.LOGPROBS_MAX);
        if (!logprobs && top.orElse(0) > 0) {
            throw body.invalid("top_logprobs", "is only allowed when 'logprobs' is true.");
        }
        return logprobs ? top.orElse(0) : -1;
    }

    private static List<ChatMessage> messages(JsonBody body) {
        JsonNode value = body.find("messages");
        if (value == null) {
            throw body.invalid("messages", "is required.");
        }
        if (!value.isArray() || value.isEmpty() || value.size() > MESSAGES_MAX) {
            throw body.invalid("messages", "must be an array of 1 to " + MESSAGES_MAX + " messages.");
        }
        List<ChatMessage> messages = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            if (!(value.get(i) instanceof ObjectNode object)) {
                throw body.invalid("messages[" + i + "]", "must be an object.");
            }
            messages.add(message(JsonBody.inside(object, "messages[" + i + "]")));
        }
        return List.copyOf(messages);
    }

    private static ChatMessage message(JsonBody message) {
        message.rejectUnknown(MESSAGE_KNOWN);
        for (String field : MESSAGE_EMPTY) {
            message.refuseUnless(field, ChatParams::isNothing);
        }
        // Clients of several agents name each speaker; chat templates do not.
        message.optionalString("name", NAME_CHARS_MAX);
        String role = message.requiredString("role", 64);
        if (!ROLES.contains(role)) {
            throw message.invalid("role", "must be one of system, developer, user and assistant.");
        }
        // Templates know no developers; OpenAI's newer name means the same.
        return new ChatMessage(role.equals("developer") ? "system" : role, content(message));
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
        for (JsonNode part : content) {
            boolean isText = part.path("type").asText().equals("text")
                    && part.path("text").isTextual()
                    && part.size() == 2;
            if (!isText) {
                throw message.invalid("content", "may only have parts of the shape {\"type\":\"text\",\"text\":…}.");
            }
            text.append(part.path("text").textValue());
        }
        return text.toString();
    }

    /** Whether a value says as much as its absence. */
    private static boolean isNothing(JsonNode value) {
        return value.isArray() && value.isEmpty();
    }

    @SafeVarargs
    private static Set<String> union(Set<String>... sets) {
        Set<String> union = new HashSet<>();
        for (Set<String> set : sets) {
            union.addAll(set);
        }
        return Set.copyOf(union);
    }
}
