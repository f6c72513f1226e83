package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiPredicate;

/** Whether it is certain that no value meets two schemas; false only means that it is not certain. */
final class Disjoint implements BiPredicate<JsonNode, JsonNode> {
    private static final int MAX_DEPTH = 6;
    private static final int MAX_STEPS = 200_000;

    private final SchemaDocument document;
    private int steps;

    Disjoint(SchemaDocument document) {
        this.document = document;
    }

    @Override
    public boolean test(JsonNode first, JsonNode second) {
        return test(first, second, 0);
    }

    private boolean test(JsonNode first, JsonNode second, int depth) {
        if (depth > MAX_DEPTH || ++steps > MAX_STEPS) {
            return false;
        }
        if (isFalse(first) || isFalse(second)) {
            return true;
        }
        if (!(first instanceof ObjectNode a) || !(second instanceof ObjectNode b)) {
            return false;
        }
        if (a.has("$ref")) {
            return test(document.target(a), b, depth + 1);
        }
        if (b.has("$ref")) {
            return test(a, document.target(b), depth + 1);
        }
        return typesDiffer(a, b) || valuesDiffer(a, b) || valuesDiffer(b, a) || membersDiffer(a, b, depth);
    }

    private static boolean isFalse(JsonNode schema) {
        return schema.isBoolean() && !schema.booleanValue();
    }

    private static Set<String> types(JsonNode schema) {
        Set<String> types = new HashSet<>();
        JsonNode type = schema.path("type");
        if (type.isTextual()) {
            types.add(type.textValue());
        }
        type.forEach(one -> types.add(one.asText()));
        if (types.contains("number")) {
            types.add("integer");
        }
        return types;
    }

    private static boolean typesDiffer(JsonNode first, JsonNode second) {
        Set<String> common = types(first);
        Set<String> others = types(second);
        boolean known = !common.isEmpty() && !others.isEmpty();
        common.retainAll(others);
        return known && common.isEmpty();
    }

    private static List<JsonNode> values(JsonNode schema) {
        List<JsonNode> values = new ArrayList<>();
        if (schema.has("const")) {
            values.add(schema.path("const"));
        } else {
            schema.path("enum").forEach(values::add);
        }
        return values;
    }

    private static boolean valuesDiffer(JsonNode first, JsonNode second) {
        List<JsonNode> values = values(first);
        List<JsonNode> others = values(second);
        Set<String> types = types(second);
        return !values.isEmpty()
                && values.stream()
                        .allMatch(value -> (!others.isEmpty()
                                        && others.stream().noneMatch(other -> Values.same(value, other)))
                                || (!types.isEmpty() && types.stream().noneMatch(type -> Values.isOf(type, value))));
    }

    /** One of them has a member that the other one cannot have, or not with the same value. */
    private boolean membersDiffer(JsonNode first, JsonNode second, int depth) {
        if (!types(first).equals(Set.of("object")) && !types(second).equals(Set.of("object"))) {
            return false;
        }
        Set<String> required = new HashSet<>();
        first.path("required").forEach(name -> required.add(name.asText()));
        second.path("required").forEach(name -> required.add(name.asText()));
        for (String name : required) {
            if (test(member(first, name), member(second, name), depth + 1)) {
                return true;
            }
        }
        return false;
    }

    private static JsonNode member(JsonNode schema, String name) {
        JsonNode own = schema.path("properties").path(name);
        return own.isMissingNode() ? schema.path("additionalProperties") : own;
    }
}
