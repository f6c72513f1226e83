package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The field {@code input} of {@code POST /v1/responses} as messages of a chat. What an assistant thought, said and called
 * are items of their own there, and one message in chats.
 */
final class ResponseInput {
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant");
    private static final Set<String> TEXTS = Set.of("input_text", "output_text", "text");
    private static final int TEXT_CHARS_MAX = 64 << 20;

    private final List<String> ignored;
    private final List<ChatMessage> messages = new ArrayList<>();
    private final Map<String, String> functions = new HashMap<>();
    private final StringBuilder thoughts = new StringBuilder();
    private final StringBuilder said = new StringBuilder();
    private final List<ToolCall> calls = new ArrayList<>();
    private boolean open;

    private ResponseInput(List<String> ignored) {
        this.ignored = ignored;
    }

    /** @param ignored gets the names of fields that nothing reads */
    static List<ChatMessage> read(JsonBody body, List<String> ignored) {
        JsonNode value = body.find("input");
        if (value == null) {
            throw body.invalid("input", "is required.");
        }
        if (value.isTextual()) {
            return List.of(new ChatMessage("user", value.textValue()));
        }
        if (!value.isArray() || value.isEmpty() || value.size() > ChatParams.MESSAGES_MAX) {
            throw body.invalid("input", "must be a string or an array of 1 to " + ChatParams.MESSAGES_MAX + " items.");
        }
        ResponseInput input = new ResponseInput(ignored);
        for (int i = 0; i < value.size(); i++) {
            input.add(body.element("input", value, i));
        }
        input.close();
        return input.messages;
    }

    private void add(JsonBody item) {
        String type = item.optionalString("type", ChatParams.NAME_CHARS_MAX).orElse("message");
        switch (type) {
            case "message" -> message(item);
            case "reasoning" -> reasoning(item);
            case "function_call" -> call(item);
            case "function_call_output" -> output(item);
            default ->
                throw item.invalid(
                        "type",
                        "must be one of message, reasoning, function_call and function_call_output; '" + type
                                + "' is not supported.");
        }
    }

    private void message(JsonBody item) {
        report(item, "type", "id", "status", "role", "content", "phase");
        String role = item.requiredString("role", ChatParams.NAME_CHARS_MAX);
        if (!ROLES.contains(role)) {
            throw item.invalid("role", "must be one of system, developer, user and assistant.");
        }
        String text = text(item, "content");
        if (role.equals("assistant")) {
            // Calls stand behind what is said with them, so this is said later.
            if (said.length() > 0 || !calls.isEmpty()) {
                close();
            }
            said.append(text);
            open = true;
        } else {
            close();
            messages.add(new ChatMessage(role.equals("developer") ? "system" : role, text));
        }
    }

    private void reasoning(JsonBody item) {
        report(item, "type", "id", "status", "summary", "content", "encrypted_content");
        if (said.length() > 0 || !calls.isEmpty()) {
            close();
        }
        JsonNode content = item.find("content");
        for (JsonNode part : content == null ? List.<JsonNode>of() : content) {
            thoughts.append(part.path("text").asText());
        }
        if (thoughts.length() > ChatParams.REASONING_CHARS_MAX) {
            throw item.invalid("content", "is too long.");
        }
        open = true;
    }

    private void call(JsonBody item) {
        report(item, "type", "id", "status", "call_id", "name", "arguments");
        String id = item.requiredString("call_id", ToolCall.ID_CHARS_MAX);
        String name = item.requiredString("name", ChatParams.NAME_CHARS_MAX);
        calls.add(new ToolCall(id, name, ToolCall.arguments(item)));
        functions.put(id, name);
        open = true;
    }

    private void output(JsonBody item) {
        report(item, "type", "id", "status", "call_id", "output");
        close();
        String id = item.requiredString("call_id", ToolCall.ID_CHARS_MAX);
        String text = text(item, "output");
        messages.add(new ChatMessage("tool", text, "", List.of(), id, functions.getOrDefault(id, "")));
    }

    /** Ends the assistant's message, if there is one. */
    private void close() {
        if (open) {
            messages.add(
                    new ChatMessage("assistant", said.toString(), thoughts.toString(), List.copyOf(calls), "", ""));
        }
        open = false;
        thoughts.setLength(0);
        said.setLength(0);
        calls.clear();
    }

    private void report(JsonBody item, String... known) {
        ignored.addAll(item.unknown(Set.of(known)));
    }

    private static String text(JsonBody item, String field) {
        JsonNode content = item.find(field);
        if (content == null) {
            throw item.invalid(field, "is required.");
        }
        if (content.isTextual()) {
            return content.textValue();
        }
        if (!content.isArray() || content.size() > ChatParams.PARTS_MAX) {
            throw item.invalid(field, "must be a string or an array of at most " + ChatParams.PARTS_MAX + " parts.");
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            JsonBody part = item.element(field, content, i);
            String type = part.requiredString("type", ChatParams.NAME_CHARS_MAX);
            if (!TEXTS.contains(type)) {
                throw part.invalid(
                        "type", "must be input_text or output_text; '" + type + "' is not supported, text only.");
            }
            text.append(part.optionalString("text", TEXT_CHARS_MAX)
                    .orElseThrow(() -> part.invalid("text", "is required.")));
        }
        return text.toString();
    }
}
