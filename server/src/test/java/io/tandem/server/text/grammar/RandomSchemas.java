package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.List;
import java.util.Random;

/** Schemas of what is supported, by chance. */
final class RandomSchemas {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final List<String> NAMES = List.of("a", "ab", "name", "größe", "x y", "q\"uote", "n\nl", "$id", "");
    private static final List<String> PATTERNS = List.of(
            "^[a-z]{2,5}$",
            "b",
            "^(foo|ba+r)?$",
            "^\\d{3}-\\d{4}$",
            "[^\\x00-\\x7f]",
            "^[\\w.-]+\\n?$",
            "\"",
            "^$|^a",
            "z|ü");

    private final Random random;

    RandomSchemas(Random random) {
        this.random = random;
    }

    /** With definitions that the schema and the definitions themselves refer to. */
    ObjectNode next() {
        ObjectNode schema = schema(4);
        ObjectNode definitions = JSON.objectNode();
        definitions.set("one", schema(3));
        ObjectNode list = object(JSON.objectNode(), 1);
        list.withObject("/properties").putArray("unused");
        list.withObject("/properties").remove("unused");
        list.withObject("/properties").putObject("next").put("$ref", "#/$defs/list");
        list.remove(List.of("minProperties", "maxProperties"));
        definitions.set("list", list);
        schema.set("$defs", definitions);
        return schema;
    }

    private boolean chance(int oneIn) {
        return random.nextInt(oneIn) == 0;
    }

    private ObjectNode schema(int depth) {
        ObjectNode schema = JSON.objectNode();
        switch (random.nextInt(depth > 0 ? 10 : 5)) {
            case 0 -> string(schema);
            case 1 -> number(schema.put("type", "integer"), true);
            case 2 -> number(schema.put("type", "number"), false);
            case 3 -> {
                ArrayNode values = schema.putArray("enum");
                values.add("red").add("a\"\\\n").add(7).add(1.5).addNull().add(true);
                values.addArray().add(1).addObject().put("k", "v");
            }
            case 4 -> {
                schema.putArray("type").add(chance(2) ? "boolean" : "string").add("null");
            }
            case 5, 6 -> object(schema, depth);
            case 7 -> array(schema, depth);
            case 8 -> schema.putArray("anyOf").add(schema(depth - 1)).add(schema(depth - 1));
            default -> {
                if (chance(2)) {
                    schema.put("$ref", chance(2) ? "#/$defs/one" : "#/$defs/list");
                    if (depth == 3) {
                        // The definition itself.
                        schema.put("$ref", "#/$defs/list");
                    }
                } else {
                    ArrayNode all = schema.putArray("allOf");
                    all.add(object(JSON.objectNode(), depth - 1)).add(object(JSON.objectNode(), depth - 1));
                }
            }
        }
        return schema;
    }

    private void string(ObjectNode schema) {
        schema.put("type", "string");
        if (chance(3)) {
            schema.put("pattern", PATTERNS.get(random.nextInt(PATTERNS.size())));
        } else if (chance(3)) {
            schema.put(
                    "format",
                    List.of("date", "time", "date-time", "uuid", "ipv4", "ipv6", "hostname", "email", "uri", "duration")
                            .get(random.nextInt(10)));
            return;
        }
        if (chance(3)) {
            schema.put("minLength", random.nextInt(4));
        }
        if (chance(3)) {
            schema.put("maxLength", 4 + random.nextInt(10));
        }
    }

    private void number(ObjectNode schema, boolean whole) {
        BigDecimal low = BigDecimal.valueOf(random.nextInt(2000) - 1000, whole ? 0 : random.nextInt(4));
        BigDecimal width = BigDecimal.valueOf(1 + random.nextInt(300), whole ? 0 : random.nextInt(3));
        if (chance(2)) {
            schema.put(chance(2) ? "minimum" : "exclusiveMinimum", low);
        }
        if (chance(2)) {
            schema.put(
                    chance(2) ? "maximum" : "exclusiveMaximum", low.add(width).add(BigDecimal.TEN));
        }
        if (chance(4)) {
            schema.put("multipleOf", whole ? BigDecimal.valueOf(1 + random.nextInt(9)) : new BigDecimal("0.01"));
        }
    }

    private ObjectNode object(ObjectNode schema, int depth) {
        schema.put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        ArrayNode required = schema.putArray("required");
        for (int i = random.nextInt(4); i > 0; i--) {
            String name = NAMES.get(random.nextInt(NAMES.size()));
            if (!properties.has(name)) {
                properties.set(name, schema(depth - 1));
                if (chance(2)) {
                    required.add(name);
                }
            }
        }
        if (chance(2)) {
            schema.set("additionalProperties", chance(2) ? JSON.booleanNode(chance(2)) : schema(depth - 2));
        }
        if (chance(5)) {
            schema.put("maxProperties", 3 + random.nextInt(3));
        }
        return schema;
    }

    private void array(ObjectNode schema, int depth) {
        schema.put("type", "array");
        if (chance(3)) {
            schema.putArray("prefixItems").add(schema(depth - 1)).add(schema(depth - 1));
        }
        schema.set("items", schema(depth - 1));
        if (chance(2)) {
            schema.put("minItems", random.nextInt(3));
        }
        if (chance(2)) {
            schema.put("maxItems", 3 + random.nextInt(3));
        }
    }
}
