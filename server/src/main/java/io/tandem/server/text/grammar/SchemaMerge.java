package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One schema that says what two say together. Schemas inside stay next to each other in an {@code allOf}, so nothing is
 * merged before a value may stand there, and recursive schemas end. Of {@code pattern} and {@code format} there may be
 * several afterwards, in an array.
 */
final class SchemaMerge {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final Set<String> LARGER =
            Set.of("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties");
    private static final Set<String> SMALLER =
            Set.of("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties");

    private SchemaMerge() {}

    /** @param first without combinators, as the second */
    static ObjectNode merge(ObjectNode first, ObjectNode second) {
        ObjectNode merged = JSON.objectNode();
        merged.setAll(first);
        for (Map.Entry<String, JsonNode> field : second.properties()) {
            String keyword = field.getKey();
            JsonNode mine = first.get(keyword);
            merged.set(keyword, mine == null ? field.getValue() : both(keyword, mine, field.getValue()));
        }
        if (merged.path("type").isArray() && merged.path("type").isEmpty()) {
            // Two types that have nothing in common; said as a schema may say it.
            return JSON.objectNode().set("enum", JSON.arrayNode());
        }
        properties(first, second, merged);
        items(first, second, merged);
        return merged;
    }

    private static JsonNode both(String keyword, JsonNode first, JsonNode second) {
        if (LARGER.contains(keyword) || SMALLER.contains(keyword)) {
            boolean less = first.decimalValue().compareTo(second.decimalValue()) < 0;
            return less == SMALLER.contains(keyword) ? first : second;
        }
        return switch (keyword) {
            case "type" -> types(first, second);
            case "enum" -> common(first, second);
            case "required", "pattern", "format" -> union(first, second);
            case "multipleOf" -> multiple(first, second);
            default -> first;
        };
    }

    private static List<JsonNode> list(JsonNode node) {
        List<JsonNode> list = new ArrayList<>();
        if (node.isArray()) {
            node.forEach(list::add);
        } else {
            list.add(node);
        }
        return list;
    }

    private static ArrayNode types(JsonNode first, JsonNode second) {
        ArrayNode common = JSON.arrayNode();
        for (JsonNode mine : list(first)) {
            for (JsonNode its : list(second)) {
                if (mine.equals(its)) {
                    common.add(mine);
                } else if (isInteger(mine, its) || isInteger(its, mine)) {
                    common.add("integer");
                }
            }
        }
        return common;
    }

    private static boolean isInteger(JsonNode type, JsonNode other) {
        return type.asText().equals("integer") && other.asText().equals("number");
    }

    private static ArrayNode common(JsonNode first, JsonNode second) {
        ArrayNode common = JSON.arrayNode();
        List<JsonNode> others = list(second);
        list(first).stream()
                .filter(value -> others.stream().anyMatch(other -> Values.same(value, other)))
                .forEach(common::add);
        return common;
    }

    private static ArrayNode union(JsonNode first, JsonNode second) {
        Set<JsonNode> all = new LinkedHashSet<>(list(first));
        all.addAll(list(second));
        return JSON.arrayNode().addAll(all);
    }

    private static JsonNode multiple(JsonNode first, JsonNode second) {
        if (first.equals(second)) {
            return first;
        }
        if (!first.canConvertToExactIntegral() || !second.canConvertToExactIntegral()) {
            throw new GrammarException("", "joins two different values of 'multipleOf', which is not supported");
        }
        BigInteger a = first.bigIntegerValue();
        BigInteger b = second.bigIntegerValue();
        return JSON.numberNode(a.multiply(b).divide(a.gcd(b)));
    }

    private static void properties(ObjectNode first, ObjectNode second, ObjectNode merged) {
        if (!first.has("properties") && !second.has("properties")) {
            putUnlessAbsent(merged, "additionalProperties", first, second);
            return;
        }
        Set<String> names = new LinkedHashSet<>();
        first.path("properties").fieldNames().forEachRemaining(names::add);
        second.path("properties").fieldNames().forEachRemaining(names::add);
        ObjectNode properties = JSON.objectNode();
        for (String name : names) {
            properties.set(name, and(property(first, name), property(second, name)));
        }
        merged.set("properties", properties);
        putUnlessAbsent(merged, "additionalProperties", first, second);
    }

    private static @Nullable JsonNode property(ObjectNode schema, String name) {
        JsonNode named = schema.path("properties").get(name);
        return named != null ? named : schema.get("additionalProperties");
    }

    private static void putUnlessAbsent(ObjectNode merged, String keyword, ObjectNode first, ObjectNode second) {
        if (first.has(keyword) || second.has(keyword)) {
            merged.set(keyword, and(first.get(keyword), second.get(keyword)));
        }
    }

    private static void items(ObjectNode first, ObjectNode second, ObjectNode merged) {
        int prefix = Math.max(
                first.path("prefixItems").size(), second.path("prefixItems").size());
        if (prefix > 0) {
            ArrayNode items = JSON.arrayNode();
            for (int i = 0; i < prefix; i++) {
                items.add(and(item(first, i), item(second, i)));
            }
            merged.set("prefixItems", items);
        }
        putUnlessAbsent(merged, "items", first, second);
    }

    private static @Nullable JsonNode item(ObjectNode schema, int i) {
        JsonNode own = schema.path("prefixItems").get(i);
        return own != null ? own : schema.get("items");
    }

    /** @param first null if it says nothing, as the second */
    private static JsonNode and(@Nullable JsonNode first, @Nullable JsonNode second) {
        JsonNode a = first == null ? BooleanNode.TRUE : first;
        JsonNode b = second == null ? BooleanNode.TRUE : second;
        if (a.equals(b) || isTrue(b)) {
            return a;
        }
        return isTrue(a)
                ? b
                : JSON.objectNode().set("allOf", JSON.arrayNode().add(a).add(b));
    }

    private static boolean isTrue(JsonNode schema) {
        return schema.isBoolean() && schema.booleanValue();
    }
}
