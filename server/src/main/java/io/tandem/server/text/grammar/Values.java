package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.Iterator;
import java.util.Map;

/** JSON values as schemas compare them. */
final class Values {
    private Values() {}

    /** Whether two values are equal; 1 and 1.0 are, and the order of an object's members does not matter. */
    static boolean same(JsonNode first, JsonNode second) {
        if (first.isNumber() && second.isNumber()) {
            return first.decimalValue().compareTo(second.decimalValue()) == 0;
        }
        if (first.getNodeType() != second.getNodeType() || first.size() != second.size()) {
            return false;
        }
        if (first.isObject()) {
            for (Map.Entry<String, JsonNode> field : first.properties()) {
                if (!second.has(field.getKey()) || !same(field.getValue(), second.path(field.getKey()))) {
                    return false;
                }
            }
            return true;
        }
        if (first.isArray()) {
            Iterator<JsonNode> others = second.iterator();
            for (JsonNode item : first) {
                if (!same(item, others.next())) {
                    return false;
                }
            }
            return true;
        }
        return first.equals(second);
    }

    /** Whether a value is of a type by JSON Schema's name for it. */
    static boolean isOf(String type, JsonNode value) {
        return switch (type) {
            case "null" -> value.isNull();
            case "boolean" -> value.isBoolean();
            case "string" -> value.isTextual();
            case "number" -> value.isNumber();
            case "integer" -> value.isNumber() && isWhole(value.decimalValue());
            case "object" -> value.isObject();
            default -> value.isArray();
        };
    }

    private static boolean isWhole(BigDecimal value) {
        return value.signum() == 0 || value.stripTrailingZeros().scale() <= 0;
    }
}
