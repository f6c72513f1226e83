package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A JSON schema, the places of its parts, and what its references point to. */
final class SchemaDocument {
    /** They say something about a value, or where to look for schemas, that no automaton is made of here. */
    private static final List<String> UNSUPPORTED = List.of(
            "not",
            "if",
            "then",
            "else",
            "dependentSchemas",
            "dependentRequired",
            "dependencies",
            "patternProperties",
            "propertyNames",
            "unevaluatedProperties",
            "unevaluatedItems",
            "contains",
            "minContains",
            "maxContains",
            "additionalItems",
            "$dynamicRef",
            "$recursiveRef");

    /** Their values are no schemas, so what stands in them means nothing. */
    private static final Set<String> VALUES = Set.of("enum", "const", "default", "examples", "example");

    private final JsonNode root;
    private final IdentityHashMap<JsonNode, String> places = new IdentityHashMap<>();

    SchemaDocument(JsonNode root) {
        this.root = root;
        locate(root, "");
    }

    private void locate(JsonNode node, String place) {
        places.put(node, place);
        if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                locate(node.get(i), place + "/" + i);
            }
        }
        for (Map.Entry<String, JsonNode> field : node.properties()) {
            if (!VALUES.contains(field.getKey())) {
                locate(field.getValue(), place + "/" + escaped(field.getKey()));
            }
        }
    }

    static String escaped(String name) {
        return name.replace("~", "~0").replace("/", "~1");
    }

    JsonNode root() {
        return root;
    }

    /** A complaint about a keyword of a schema, or about the schema itself if the keyword is empty. */
    GrammarException wrong(JsonNode schema, String keyword, String message) {
        String place = places.getOrDefault(schema, "");
        return new GrammarException(keyword.isEmpty() ? place : place + "/" + escaped(keyword), message);
    }

    /** Refuses a schema with keywords that are not supported, or whose values are wrong. */
    void check(ObjectNode schema) {
        KeywordTypes.check(this, schema);
        for (String keyword : UNSUPPORTED) {
            if (schema.has(keyword)) {
                throw wrong(schema, keyword, "has the keyword '" + keyword + "', which is not supported; leave it out");
            }
        }
        if (schema.path("uniqueItems").asBoolean()) {
            throw wrong(schema, "uniqueItems", "has the keyword 'uniqueItems', which is not supported; leave it out");
        }
        if (schema.path("items").isArray()) {
            throw wrong(schema, "items", "has a list of schemas in 'items'; use 'prefixItems' for them");
        }
        if (schema.has("$id") && !places.getOrDefault(schema, "").isEmpty()) {
            throw wrong(schema, "$id", "has '$id' inside a schema, which is not supported; leave it out");
        }
    }

    /** What a reference of a schema points to. */
    JsonNode target(ObjectNode schema) {
        JsonNode reference = schema.path("$ref");
        if (!reference.isTextual()) {
            throw wrong(schema, "$ref", "has a '$ref' that is no string");
        }
        String text = reference.textValue();
        if (!text.equals("#") && !text.startsWith("#/")) {
            throw wrong(
                    schema,
                    "$ref",
                    "refers to '" + text + "'; only places in the same schema, like '#/$defs/name', can be"
                            + " referred to");
        }
        JsonNode at = root;
        for (Iterator<String> names = List.of(text.split("/", -1)).iterator(); names.hasNext(); ) {
            String name = names.next();
            if (name.equals("#")) {
                continue;
            }
            String key = URLDecoder.decode(name.replace("+", "%2B"), StandardCharsets.UTF_8)
                    .replace("~1", "/")
                    .replace("~0", "~");
            at = at.isArray() && key.matches("[0-9]{1,6}") ? at.path(Integer.parseInt(key)) : at.path(key);
        }
        if (at.isMissingNode()) {
            throw wrong(schema, "$ref", "refers to '" + text + "', which is not in the schema");
        }
        return at;
    }
}
