package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * A function that the model may call.
 *
 * @param name unique in its request
 * @param parameters JSON schema of the arguments, as text
 * @param json the whole tool as the client sent it, for the chat template
 */
public record Tool(String name, String parameters, ObjectNode json) {
    private static final int TOOLS_MAX = 128;
    private static final int TEXT_CHARS_MAX = 1 << 17;
    static final String NAME = "[A-Za-z0-9_.-]{1,64}";
    /** What OpenAI takes for parameters that are left out. */
    private static final String NO_PARAMETERS =
            "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}";

    /** Chat completions' way to write them. */
    public static List<Tool> read(JsonBody body) {
        return read(body, ".function.name", Tool::nested);
    }

    /** The Responses API's, which has the function's fields beside the type; templates get chat completions'. */
    static List<Tool> readFlat(JsonBody body) {
        return read(body, ".name", Tool::flat);
    }

    private static List<Tool> read(JsonBody body, String nameField, Function<JsonBody, Tool> reader) {
        JsonNode value = body.find("tools");
        if (value == null) {
            return List.of();
        }
        if (!value.isArray() || value.size() > TOOLS_MAX) {
            throw body.invalid("tools", "must be an array of at most " + TOOLS_MAX + " tools.");
        }
        List<Tool> tools = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (int i = 0; i < value.size(); i++) {
            Tool tool = reader.apply(body.element("tools", value, i));
            if (!names.add(tool.name())) {
                throw body.invalid(
                        "tools[" + i + "]" + nameField, "is '" + tool.name() + "', which another tool is called.");
            }
            tools.add(tool);
        }
        return List.copyOf(tools);
    }

    private static Tool nested(JsonBody tool) {
        tool.rejectUnknown(Set.of("type", "function"));
        requireFunction(tool);
        JsonBody function = tool.optionalObject("function").orElseThrow(() -> tool.invalid("function", "is required."));
        // transformers describes what a function returns, too.
        function.rejectUnknown(Set.of("name", "description", "parameters", "strict", "return"));
        function.optionalObject("return");
        return of(function, tool.node());
    }

    private static Tool flat(JsonBody tool) {
        requireFunction(tool);
        tool.rejectUnknown(Set.of("type", "name", "description", "parameters", "strict"));
        ObjectNode nested = JsonBody.MAPPER.createObjectNode().put("type", "function");
        nested.set("function", tool.node().deepCopy().without("type"));
        return of(tool, nested);
    }

    private static void requireFunction(JsonBody tool) {
        String type = tool.requiredString("type", 64);
        if (!type.equals("function")) {
            throw tool.invalid("type", "must be function, the only type of tool here; there is no '" + type + "'.");
        }
    }

    private static Tool of(JsonBody function, ObjectNode json) {
        String name = function.requiredString("name", 64);
        if (!name.matches(NAME)) {
            throw function.invalid("name", "may only have letters, digits, '_', '-' and '.'.");
        }
        function.optionalString("description", TEXT_CHARS_MAX);
        function.optionalBoolean("strict", false);
        String parameters = function.optionalObject("parameters")
                .map(schema -> schema.node().toString())
                .orElse(NO_PARAMETERS);
        if (parameters.length() > TEXT_CHARS_MAX) {
            throw function.invalid("parameters", "must have at most " + TEXT_CHARS_MAX + " characters.");
        }
        return new Tool(name, parameters, json);
    }
}
