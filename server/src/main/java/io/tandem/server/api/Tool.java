package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

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

    static List<Tool> read(JsonBody body) {
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
            if (!(value.get(i) instanceof ObjectNode object)) {
                throw body.invalid("tools[" + i + "]", "must be an object.");
            }
            Tool tool = read(JsonBody.inside(object, "tools[" + i + "]"), object);
            if (!names.add(tool.name())) {
                throw body.invalid(
                        "tools[" + i + "].function.name", "is '" + tool.name() + "', which another tool is called.");
            }
            tools.add(tool);
        }
        return List.copyOf(tools);
    }

    private static Tool read(JsonBody tool, ObjectNode json) {
        tool.rejectUnknown(Set.of("type", "function"));
        if (!tool.requiredString("type", 64).equals("function")) {
            throw tool.invalid("type", "must be function, the only type of tool here.");
        }
        JsonBody function = tool.optionalObject("function").orElseThrow(() -> tool.invalid("function", "is required."));
        function.rejectUnknown(Set.of("name", "description", "parameters", "strict"));
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
