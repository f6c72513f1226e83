package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** Which values the keywords of a schema may have. */
final class KeywordTypes {
    private static final Set<String> TYPES =
            Set.of("null", "boolean", "string", "number", "integer", "object", "array");

    private record Rule(String expected, Predicate<JsonNode> holds) {}

    private static final Rule COUNT = new Rule(
            "a whole number from 0 on",
            value -> Values.isOf("integer", finite(value)) && value.doubleValue() >= 0 && value.doubleValue() < 1e9);
    private static final Rule NUMBER =
            new Rule("a number", value -> finite(value).isNumber());
    private static final Rule SCHEMAS =
            new Rule("a list of at least one schema", value -> value.isArray() && !value.isEmpty() && all(value));
    private static final Rule SCHEMA = new Rule("a schema", KeywordTypes::isSchema);
    private static final Rule STRINGS = new Rule("a list of strings", value -> value.isArray() && strings(value));

    private static final Map<String, Rule> RULES = Map.ofEntries(
            Map.entry("minLength", COUNT),
            Map.entry("maxLength", COUNT),
            Map.entry("minItems", COUNT),
            Map.entry("maxItems", COUNT),
            Map.entry("minProperties", COUNT),
            Map.entry("maxProperties", COUNT),
            Map.entry("minimum", NUMBER),
            Map.entry("maximum", NUMBER),
            Map.entry("exclusiveMinimum", NUMBER),
            Map.entry("exclusiveMaximum", NUMBER),
            Map.entry(
                    "multipleOf",
                    new Rule("a number above 0", value -> finite(value).isNumber() && value.doubleValue() > 0)),
            Map.entry("pattern", new Rule("a string", JsonNode::isTextual)),
            Map.entry("format", new Rule("a string", JsonNode::isTextual)),
            Map.entry("required", STRINGS),
            Map.entry("enum", new Rule("a list", JsonNode::isArray)),
            Map.entry("items", SCHEMA),
            Map.entry("additionalProperties", SCHEMA),
            Map.entry("prefixItems", SCHEMAS),
            Map.entry("anyOf", SCHEMAS),
            Map.entry("oneOf", SCHEMAS),
            Map.entry("allOf", SCHEMAS),
            Map.entry("properties", new Rule("an object of schemas", value -> value.isObject() && all(value))),
            Map.entry(
                    "type",
                    new Rule(
                            "one of null, boolean, string, number, integer, object and array, or a list of them",
                            KeywordTypes::isType)));

    private KeywordTypes() {}

    /** @throws GrammarException that names the keyword and what it should be */
    static void check(SchemaDocument document, ObjectNode schema) {
        for (Map.Entry<String, JsonNode> field : schema.properties()) {
            Rule rule = RULES.get(field.getKey());
            if (rule != null && !rule.holds().test(field.getValue())) {
                throw document.wrong(
                        schema, field.getKey(), "has a '" + field.getKey() + "' that is not " + rule.expected());
            }
        }
    }

    /** The value, or nothing in place of a number beyond all doubles. */
    private static JsonNode finite(JsonNode value) {
        return value.isNumber() && !Double.isFinite(value.doubleValue()) ? MissingNode.getInstance() : value;
    }

    private static boolean isSchema(JsonNode value) {
        return value.isObject() || value.isBoolean();
    }

    private static boolean all(JsonNode schemas) {
        for (JsonNode schema : schemas) {
            if (!isSchema(schema)) {
                return false;
            }
        }
        return true;
    }

    private static boolean strings(JsonNode values) {
        for (JsonNode value : values) {
            if (!value.isTextual()) {
                return false;
            }
        }
        return true;
    }

    private static boolean isType(JsonNode value) {
        if (value.isTextual()) {
            return TYPES.contains(value.textValue());
        }
        for (JsonNode type : value) {
            if (!TYPES.contains(type.asText())) {
                return false;
            }
        }
        return value.isArray() && !value.isEmpty();
    }
}
