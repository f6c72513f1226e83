package io.tandem.server.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A call that the model has made.
 *
 * @param id by which its result refers to it
 * @param name of the function
 * @param arguments a JSON object
 */
public record ToolCall(String id, String name, JsonNode arguments) {
    private static final int CALLS_MAX = 128;
    static final int ID_CHARS_MAX = 256;
    private static final int ARGUMENTS_CHARS_MAX = 1 << 20;

    /** Those of a message. */
    public static List<ToolCall> read(JsonBody message) {
        JsonNode value = message.find("tool_calls");
        if (value == null) {
            return List.of();
        }
        if (!value.isArray() || value.size() > CALLS_MAX) {
            throw message.invalid("tool_calls", "must be an array of at most " + CALLS_MAX + " calls.");
        }
        List<ToolCall> calls = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            calls.add(call(message.element("tool_calls", value, i)));
        }
        return List.copyOf(calls);
    }

    private static ToolCall call(JsonBody call) {
        call.rejectUnknown(Set.of("id", "type", "function", "index"));
        call.optionalString("type", 64);
        String id = call.optionalString("id", ID_CHARS_MAX).orElse("");
        JsonBody function = call.optionalObject("function").orElseThrow(() -> call.invalid("function", "is required."));
        function.rejectUnknown(Set.of("name", "arguments"));
        return new ToolCall(id, function.requiredString("name", 64), arguments(function));
    }

    /** OpenAI's clients send a string with JSON; chat templates want what is in it. */
    static JsonNode arguments(JsonBody function) {
        JsonNode arguments = function.find("arguments");
        if (arguments == null) {
            return JsonBody.MAPPER.createObjectNode();
        }
        if (arguments.isObject()) {
            return arguments;
        }
        String text = function.optionalString("arguments", ARGUMENTS_CHARS_MAX).orElse("");
        if (text.isBlank()) {
            return JsonBody.MAPPER.createObjectNode();
        }
        try {
            JsonNode read = JsonBody.MAPPER.readTree(text);
            // What the model wrote may have been no object; the template shows it as it was.
            return read.isObject() ? read : JsonBody.MAPPER.getNodeFactory().textNode(text);
        } catch (JsonProcessingException e) {
            return JsonBody.MAPPER.getNodeFactory().textNode(text);
        }
    }
}
