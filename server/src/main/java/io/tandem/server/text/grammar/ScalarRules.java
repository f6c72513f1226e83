package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.text.grammar.NumberRange.Bounds;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Writes the values of a schema that hold no others. */
final class ScalarRules {
    private static final Map<String, String> TYPES = Map.ofEntries(
            Map.entry("minLength", "string"),
            Map.entry("maxLength", "string"),
            Map.entry("pattern", "string"),
            Map.entry("format", "string"),
            Map.entry("minimum", "number"),
            Map.entry("maximum", "number"),
            Map.entry("exclusiveMinimum", "number"),
            Map.entry("exclusiveMaximum", "number"),
            Map.entry("multipleOf", "number"),
            Map.entry("properties", "object"),
            Map.entry("required", "object"),
            Map.entry("additionalProperties", "object"),
            Map.entry("minProperties", "object"),
            Map.entry("maxProperties", "object"),
            Map.entry("items", "array"),
            Map.entry("prefixItems", "array"),
            Map.entry("minItems", "array"),
            Map.entry("maxItems", "array"));

    private final GrammarBuilder builder;
    private final JsonRules json;

    ScalarRules(GrammarBuilder builder, JsonRules json) {
        this.builder = builder;
        this.json = json;
    }

    /** The type that a keyword is about; empty if it is about all or none. */
    static String typeOf(String keyword) {
        return TYPES.getOrDefault(keyword, "");
    }

    /** @param type nothing can be written of one that is not known */
    int value(int from, String type, ObjectNode schema) {
        return switch (type) {
            case "null" -> builder.literal(from, "null");
            case "boolean" -> bool(from);
            case "string" -> string(from, schema);
            case "number" -> number(from, schema, false);
            default -> builder.node();
        };
    }

    int integer(int from, ObjectNode schema) {
        return number(from, schema, true);
    }

    private int bool(int from) {
        int to = builder.node();
        builder.empty(builder.literal(from, "true"), to);
        builder.empty(builder.literal(from, "false"), to);
        return to;
    }

    private int string(int from, ObjectNode schema) {
        List<CharNfa> limits = new ArrayList<>();
        for (JsonNode pattern : each(schema.path("pattern"))) {
            limits.add(RegexNfa.found(pattern.textValue()));
        }
        for (JsonNode format : each(schema.path("format"))) {
            CharNfa texts = Formats.texts(format.textValue());
            if (texts != null) {
                limits.add(texts);
            }
        }
        int least = schema.path("minLength").asInt(0);
        int most = schema.path("maxLength").asInt(Regex.UNBOUNDED);
        if (least > 0 || most >= 0) {
            if (most >= 0 && most < least) {
                return builder.node();
            }
            limits.add(CharNfa.ofLength(least, most));
        }
        return limits.stream()
                .reduce(CharNfa::and)
                .map(texts -> json.string(from, texts))
                .orElseGet(() -> json.string(from));
    }

    private static List<JsonNode> each(JsonNode values) {
        List<JsonNode> list = new ArrayList<>();
        if (values.isTextual()) {
            list.add(values);
        }
        values.forEach(list::add);
        return list;
    }

    private int number(int from, ObjectNode schema, boolean whole) {
        BigDecimal low = number(schema, "minimum");
        BigDecimal above = number(schema, "exclusiveMinimum");
        BigDecimal high = number(schema, "maximum");
        BigDecimal below = number(schema, "exclusiveMaximum");
        BigDecimal step = number(schema, "multipleOf");
        boolean lowOpen = above != null && (low == null || above.compareTo(low) >= 0);
        boolean highOpen = below != null && (high == null || below.compareTo(high) <= 0);
        low = lowOpen ? above : low;
        high = highOpen ? below : high;
        if (low == null && high == null && step == null) {
            return whole ? json.integer(from) : json.number(from);
        }
        OptionalInt fraction = whole ? OptionalInt.of(0) : OptionalInt.empty();
        int divisor = 1;
        if (step != null) {
            BigDecimal plain = step.stripTrailingZeros();
            if (plain.scale() <= 0 && plain.precision() - plain.scale() < 10) {
                divisor = plain.intValueExact();
                fraction = OptionalInt.of(0);
            } else if (plain.unscaledValue().equals(BigInteger.ONE) && plain.scale() > 0) {
                fraction = OptionalInt.of(whole ? 0 : plain.scale());
            } else {
                throw new GrammarException(
                        "",
                        "has a multipleOf that is neither a whole number nor one like 0.1 or 0.01, which is not supported");
            }
        }
        return NumberRange.write(builder, from, new Bounds(low, lowOpen, high, highOpen, divisor, fraction));
    }

    private static @Nullable BigDecimal number(ObjectNode schema, String keyword) {
        JsonNode value = schema.get(keyword);
        return value == null ? null : value.decimalValue();
    }
}
