package io.tandem.server.it;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Bodies with one value that their schema excludes, at any depth, and with the least and the largest numbers that it allows.
 * What several routes share by a {@code $ref} is taken apart for the first of them only.
 */
final class WrongValues {
    private static final JsonMapper JSON = new JsonMapper();
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
    private static final List<String> OF_EVERY_TYPE =
            List.of("\"7\"", "-7", "0.5", "true", "\"wrong value\"", "\"\"", "[]", "[[true]]", "{\"wrong\":{}}");
    /** Of objects that may have any; also a token id. */
    private static final String KEY = "7";
    /** Longer texts and arrays are for the tests of limits. */
    private static final int LONG = 1 << 19;

    private final JsonNode document;
    /** Where each shared schema was met first. */
    private final Map<String, String> taken = new HashMap<>();

    private final Map<JsonNode, Schema> rules = new IdentityHashMap<>();
    private final Map<String, Try> tries = new LinkedHashMap<>();
    private String target = "";
    private Schema whole = REGISTRY.getSchema(JSON.createObjectNode());

    /** @param document that has the schemas */
    WrongValues(JsonNode document) {
        this.document = document;
    }

    /**
     * A value for a field.
     *
     * @param param the field's path, as complaints name it; one of an array, or of an object with any keys, is the field itself
     * @param allowed whether the schema allows it
     * @param bodies that have it; one of them has to be refused if it is not allowed, and one has to be taken if it is
     */
    record Try(String param, String value, boolean allowed, Set<String> bodies) {}

    /**
     * What to try.
     *
     * @param target whose body it is
     * @param bodies that are right
     */
    List<Try> of(String target, JsonNode schema, List<ObjectNode> bodies) {
        this.target = target;
        whole = rule(schema);
        tries.clear();
        for (ObjectNode body : bodies) {
            parts(schema, first -> true).forEach(part -> fields(part, "", body, changed -> changed));
        }
        return List.copyOf(tries.values());
    }

    /** Which texts of a form or a query stand for no value of a schema; those of a list are its items. */
    List<String> texts(JsonNode shown) {
        JsonNode schema = shown.path("type").asText().equals("array") ? shown.path("items") : shown;
        Schema rule = rule(schema);
        return candidates(schema).stream()
                .map(WrongValues::read)
                .filter(JsonNode::isValueNode)
                .map(JsonNode::asText)
                .distinct()
                .filter(text -> !allows(rule, JSON.getNodeFactory().textNode(text)))
                .filter(text -> !text.matches("-?[0-9.E+]+") || !allows(rule, read(text)))
                .toList();
    }

    /**
     * @param path of an object; empty for the body
     * @param sample of it that is right
     * @param inside makes a body of the object
     */
    private void fields(JsonNode schema, String path, ObjectNode sample, UnaryOperator<JsonNode> inside) {
        String prefix = path.isEmpty() ? "" : path + ".";
        for (JsonNode name : schema.path("required")) {
            add(
                    prefix + name.asText(),
                    "nothing",
                    false,
                    inside.apply(sample.deepCopy().without(name.asText())));
        }
        if (schema.path("additionalProperties").asText().equals("false")) {
            add(prefix + "colour", "1", false, inside.apply(sample.deepCopy().put("colour", 1)));
        }
        if (schema.path("additionalProperties").isObject()) {
            field(
                    schema.path("additionalProperties"),
                    prefix + KEY,
                    sample.path(KEY),
                    value -> inside.apply(sample.deepCopy().set(KEY, value)));
        }
        schema.path("properties").properties().forEach(field -> {
            String name = field.getKey();
            field(
                    field.getValue(),
                    prefix + name,
                    sample.path(name),
                    value -> inside.apply(sample.deepCopy().set(name, value)));
        });
    }

    /** @param sample that is right; anything else if there is none */
    private void field(JsonNode schema, String path, JsonNode sample, UnaryOperator<JsonNode> inside) {
        Schema rule = rule(schema);
        Set<Boolean> wrongTypes = new LinkedHashSet<>();
        for (String text : candidates(schema)) {
            JsonNode value = read(text);
            boolean allowed = allows(rule, value);
            boolean limit = value.isNumber() && !OF_EVERY_TYPE.contains(text);
            // Of a wrong type, one container and one other value are enough.
            if (allowed ? limit : isOfType(schema, value) || wrongTypes.add(value.isContainerNode())) {
                add(path, text, allowed, inside.apply(value));
            }
        }
        for (JsonNode part : parts(
                schema,
                ref -> taken.computeIfAbsent(ref, first -> target + path).equals(target + path))) {
            JsonNode right = allows(rule(part), sample) ? sample : example(part);
            if (right instanceof ObjectNode object) {
                fields(part, path, object, inside);
            } else if (right instanceof ArrayNode array && part.path("items").isObject()) {
                field(
                        part.path("items"),
                        path + "[0]",
                        array.path(0),
                        item -> inside.apply(JSON.createArrayNode().add(item)));
            }
        }
    }

    private void add(String param, String value, boolean allowed, JsonNode body) {
        // What one choice of a schema excludes, another may allow.
        if (!param.matches("\\w+") && allows(whole, body) != allowed) {
            return;
        }
        tries.computeIfAbsent(
                        param + " = " + value,
                        key -> new Try(
                                param.replaceFirst("(\\[0]|\\." + KEY + ")+$", ""),
                                value,
                                allowed,
                                new LinkedHashSet<>()))
                .bodies()
                .add(body.toString());
    }

    private boolean isOfType(JsonNode schema, JsonNode value) {
        String type = value.getNodeType() == JsonNodeType.NUMBER
                ? "number|integer"
                : value.getNodeType().name().toLowerCase(Locale.ROOT);
        return parts(schema, ref -> true).stream()
                .map(part -> part.path("type"))
                .flatMap(types -> types.isArray() ? StreamSupport.stream(types.spliterator(), false) : Stream.of(types))
                .anyMatch(name -> !name.isMissingNode() && type.contains(name.asText()));
    }

    /** Values of all types, and those at and beyond the limits of the field. */
    private List<String> candidates(JsonNode schema) {
        if (schema.has("enum") && !schema.has("type")) {
            // A field that is refused, whatever its value is.
            return List.of("true", "\"wrong value\"");
        }
        List<String> values = new ArrayList<>(OF_EVERY_TYPE);
        for (JsonNode part : parts(schema, ref -> true)) {
            JsonNode least = part.path("minimum");
            if (least.isNumber()) {
                values.add(least.asText());
                values.add(least.decimalValue().subtract(BigDecimal.ONE).toPlainString());
            }
            JsonNode most = part.path("maximum");
            if (most.isNumber()) {
                values.add(most.asText());
                values.add(most.decimalValue().add(BigDecimal.ONE).toPlainString());
                values.add("1" + "0".repeat(40));
            }
            if (part.has("exclusiveMinimum")) {
                values.add("0");
            }
            if (part.path("maxLength").asInt(LONG) < LONG) {
                values.add('"' + "a".repeat(part.path("maxLength").intValue() + 1) + '"');
            }
            if (part.path("maxItems").asInt(LONG) < LONG) {
                String item = part.has("items") ? example(part.path("items")).toString() : "1";
                values.add("[" + (item + ",").repeat(part.path("maxItems").intValue()) + item + "]");
            }
        }
        return values.stream().distinct().toList();
    }

    /** The least that a schema allows. */
    private JsonNode example(JsonNode schema) {
        JsonNode own = resolved(schema);
        if (own.has("enum")) {
            return own.path("enum").get(0);
        }
        for (String choice : List.of("anyOf", "allOf")) {
            if (own.has(choice)) {
                return example(own.path(choice).get(0));
            }
        }
        JsonNode type = own.path("type").isArray() ? own.path("type").get(0) : own.path("type");
        return switch (type.asText()) {
            case "string" -> JSON.getNodeFactory().textNode("a");
            case "boolean" -> JSON.getNodeFactory().booleanNode(true);
            case "integer", "number" ->
                own.has("minimum") ? own.path("minimum") : JSON.getNodeFactory().numberNode(1);
            case "array" -> JSON.createArrayNode().add(example(own.path("items")));
            default -> {
                ObjectNode object = JSON.createObjectNode();
                own.path("required")
                        .forEach(name -> object.set(
                                name.asText(), example(own.path("properties").path(name.asText()))));
                yield object;
            }
        };
    }

    /**
     * A schema and those that it is made of.
     *
     * @param wanted whether to follow a reference
     */
    private List<JsonNode> parts(JsonNode schema, Predicate<String> wanted) {
        if (schema.has("$ref") && !wanted.test(schema.path("$ref").asText())) {
            return List.of();
        }
        List<JsonNode> parts = new ArrayList<>();
        JsonNode own = resolved(schema);
        parts.add(own);
        own.path("anyOf").forEach(one -> parts.addAll(parts(one, wanted)));
        own.path("allOf").forEach(one -> parts.addAll(parts(one, wanted)));
        return parts;
    }

    private JsonNode resolved(JsonNode schema) {
        return schema.has("$ref") ? document.at(schema.path("$ref").asText().substring(1)) : schema;
    }

    private Schema rule(JsonNode schema) {
        return rules.computeIfAbsent(schema, own -> {
            if (!own.isObject()) {
                return REGISTRY.getSchema(own);
            }
            ObjectNode rule = JSON.createObjectNode();
            rule.setAll((ObjectNode) own);
            rule.set("components", document.path("components"));
            return REGISTRY.getSchema(rule);
        });
    }

    private static boolean allows(Schema rule, JsonNode value) {
        return !value.isMissingNode() && rule.validate(value).isEmpty();
    }

    private static JsonNode read(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new AssertionError(text, e);
        }
    }
}
