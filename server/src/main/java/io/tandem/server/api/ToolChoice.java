package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

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

    /** Chat completions' way to say it. */
    static ToolChoice read(JsonBody body) {
        return read(body, Tool.read(body), ToolChoice::nested, "{\"type\":\"function\",\"function\":{\"name\":…}}");
    }

    /** The Responses API's, which has the name of a function beside its type. */
    static ToolChoice readFlat(JsonBody body) {
        return read(body, Tool.readFlat(body), ToolChoice::flat, "{\"type\":\"function\",\"name\":…}");
    }

    /**
     * @param function finds in a choice what has the name of the function
     * @param shape of such a choice, for complaints
     */
    private static ToolChoice read(
            JsonBody body, List<Tool> tools, Function<JsonBody, JsonBody> function, String shape) {
        boolean several = body.optionalBoolean("parallel_tool_calls", true);
        JsonNode choice = body.find("tool_choice");
        if (choice == null) {
            return new ToolChoice(tools, tools, false, several);
        }
        if (choice.isObject()) {
            return named(body, tools, function);
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
            default -> throw body.invalid("tool_choice", "must be none, auto, required or " + shape + ".");
        };
    }

    private static JsonBody nested(JsonBody choice) {
        choice.rejectUnknown(Set.of("type", "function"));
        return choice.optionalObject("function").orElseThrow(() -> choice.invalid("function", "is required."));
    }

    private static JsonBody flat(JsonBody choice) {
        choice.rejectUnknown(Set.of("type", "name"));
        return choice;
    }

    private static ToolChoice named(JsonBody body, List<Tool> tools, Function<JsonBody, JsonBody> reader) {
        JsonBody choice = body.optionalObject("tool_choice").orElseThrow();
        if (!choice.optionalString("type", 64).orElse("function").equals("function")) {
            throw choice.invalid("type", "must be function, the only type of tool here.");
        }
        JsonBody function = reader.apply(choice);
        String name = function.requiredString("name", 64);
        List<Tool> callable =
                tools.stream().filter(tool -> tool.name().equals(name)).toList();
        if (callable.isEmpty()) {
            throw function.invalid("name", "is '" + name + "', but no tool of the request is called so.");
        }
        return new ToolChoice(tools, callable, true, false);
    }

    /** @throws ApiException if the answer has to be a call and to have a format at once */
    void requireNoContradiction(Optional<StructuredOutput> structured) {
        if (forced && structured.isPresent()) {
            throw ApiException.invalid(
                    "tool_choice",
                    "'tool_choice' asks for a tool call, which contradicts the format that is asked for too.");
        }
    }
}
