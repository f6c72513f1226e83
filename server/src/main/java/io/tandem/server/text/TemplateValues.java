package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ToolCall;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Messages and JSON as the values that chat templates expect. */
final class TemplateValues {
    private TemplateValues() {}

    /** A message with those members only that it has, as templates ask whether they are defined. */
    static Map<String, Object> message(ChatMessage message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", message.role());
        fields.put("content", message.content());
        if (!message.reasoning().isEmpty()) {
            fields.put("reasoning_content", message.reasoning());
            // gpt-oss's name; beside calls its template takes either thoughts or a text.
            if (message.calls().isEmpty() || message.content().isEmpty()) {
                fields.put("thinking", message.reasoning());
            }
        }
        if (!message.calls().isEmpty()) {
            fields.put(
                    "tool_calls",
                    message.calls().stream().map(TemplateValues::call).toList());
        }
        if (!message.callId().isEmpty()) {
            fields.put("tool_call_id", message.callId());
        }
        if (!message.name().isEmpty()) {
            fields.put("name", message.name());
        }
        return fields;
    }

    private static Map<String, Object> call(ToolCall call) {
        Map<String, @Nullable Object> function = new LinkedHashMap<>();
        function.put("name", call.name());
        function.put("arguments", of(call.arguments()));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", call.id());
        fields.put("type", "function");
        fields.put("function", function);
        return fields;
    }

    /** Numbers beyond 64 bits become what a double holds of them. */
    static @Nullable Object of(JsonNode json) {
        return switch (json.getNodeType()) {
            case OBJECT -> {
                Map<String, @Nullable Object> map = new LinkedHashMap<>();
                json.properties().forEach(field -> map.put(field.getKey(), of(field.getValue())));
                yield map;
            }
            case ARRAY -> {
                List<@Nullable Object> list = new ArrayList<>();
                json.forEach(item -> list.add(of(item)));
                yield list;
            }
            case NUMBER ->
                json.isIntegralNumber() && json.canConvertToLong()
                        ? (Object) json.longValue()
                        : (Object) json.doubleValue();
            case BOOLEAN -> json.booleanValue();
            case STRING -> json.textValue();
            default -> null;
        };
    }
}
