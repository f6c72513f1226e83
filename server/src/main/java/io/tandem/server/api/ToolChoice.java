package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;

/**
 * Which tools a request lets the model call, and whether it has to.
 *
 * @param tools that the chat template shows to the model
 * @param callable that may be called; none if the answer is plain text
 * @param forced whether the answer has to be a call
 * @param several whether it may have more than one
 */
public record ToolChoice(List<Tool> tools, List<Tool> callable, boolean forced, boolean several) {
    public static final ToolChoice NONE = new ToolChoice(List.of(), List.of(), false, false);

    static ToolChoice read(JsonBody body) {
        List<Tool> tools = Tool.read(body);
        boolean several = body.optionalBoolean("parallel_tool_calls", true);
        JsonNode choice = body.find("tool_choice");
        if (choice == null) {
            return new ToolChoice(tools, tools, false, several);
        }
        if (choice.isObject()) {
            return named(body, tools);
        }
        return switch (choice.asText()) {
            // As at OpenAI, the model does not see tools that it may not call.
            case "none" -> NONE;
            case "auto" -> new ToolChoice(tools, tools, false, several);
            case "required" -> {
                if (tools.isEmpty()) {
                    throw body.invalid("tool_choice", "is 'required', but the request has no 'tools'.");
                }
                yield new ToolChoice(tools, tools, true, several);
            }
            default ->
                throw body.invalid(
                        "tool_choice",
                        "must be none, auto, required or {\"type\":\"function\",\"function\":{\"name\":…}}.");
        };
    }

    private static ToolChoice named(JsonBody body, List<Tool> tools) {
        JsonBody choice = body.optionalObject("tool_choice").orElseThrow();
        choice.rejectUnknown(Set.of("type", "function"));
        JsonBody function =
                choice.optionalObject("function").orElseThrow(() -> choice.invalid("function", "is required."));
        String name = function.requiredString("name", 64);
        List<Tool> callable =
                tools.stream().filter(tool -> tool.name().equals(name)).toList();
        if (callable.isEmpty()) {
            throw function.invalid("name", "is '" + name + "', but no tool of the request is called so.");
        }
        return new ToolChoice(tools, callable, true, false);
    }
}
