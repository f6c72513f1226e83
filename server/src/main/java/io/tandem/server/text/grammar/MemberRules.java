package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Writes objects and arrays. */
final class MemberRules {
    /** Writes a value of a schema from a node on; returns the node behind it. */
    interface ValueRule {
        int write(int from, JsonNode schema);
    }

    private static final int UNBOUNDED = Integer.MAX_VALUE;

    private final GrammarBuilder builder;
    private final JsonRules json;
    private final ValueRule values;

    MemberRules(GrammarBuilder builder, JsonRules json, ValueRule values) {
        this.builder = builder;
        this.json = json;
        this.values = values;
    }

    int array(int from, ObjectNode schema) {
        JsonNode prefix = schema.path("prefixItems");
        JsonNode items = schema.has("items") ? schema.path("items") : BooleanNode.TRUE;
        int least = schema.path("minItems").asInt(0);
        int most = schema.path("maxItems").asInt(UNBOUNDED);
        int counted = most == UNBOUNDED ? Math.max(least, prefix.size()) : most;
        int close = builder.node();
        int at = json.space(builder.literal(from, "["));
        for (int i = 0; i <= counted; i++) {
            if (i >= least) {
                builder.empty(i == 0 ? at : json.space(at), close);
            }
            boolean more = i < counted || most == UNBOUNDED;
            if (more) {
                JsonNode item = i < prefix.size() ? prefix.get(i) : items;
                int next = values.write(i == 0 ? at : comma(at), item);
                if (i == counted) {
                    loop(next, items, close);
                }
                at = next;
            }
        }
        return builder.literal(close, "]");
    }

    private void loop(int at, JsonNode items, int close) {
        builder.empty(json.space(at), close);
        builder.empty(values.write(comma(at), items), at);
    }

    private int comma(int from) {
        return json.space(builder.literal(from, ","));
    }

    int object(int from, ObjectNode schema) {
        Map<String, JsonNode> named = new LinkedHashMap<>();
        schema.path("properties").properties().forEach(field -> named.put(field.getKey(), field.getValue()));
        JsonNode others = schema.has("additionalProperties")
                ? schema.path("additionalProperties")
                : BooleanNode.valueOf(named.isEmpty());
        Set<String> required = new LinkedHashSet<>();
        for (JsonNode name : schema.path("required")) {
            required.add(name.textValue());
            named.putIfAbsent(name.textValue(), others);
        }
        int most = schema.path("maxProperties").asInt(UNBOUNDED);
        int least = schema.path("minProperties").asInt(0);
        List<String> names = new ArrayList<>(named.keySet());
        names.removeIf(name -> !required.contains(name) && isFalse(named.getOrDefault(name, others)));
        // Optional members are left out, or are not optional, where the counts would not be kept otherwise.
        for (int i = names.size() - 1; i >= 0 && names.size() > most; i--) {
            if (!required.contains(names.get(i))) {
                names.remove(i);
            }
        }
        for (int i = 0; i < names.size() && required.size() < least; i++) {
            required.add(names.get(i));
        }
        int missing = Math.max(0, least - required.size());
        if (missing > 1 && !isFalse(others)) {
            throw new GrammarException(
                    "",
                    "has a 'minProperties' above the number of its named properties plus 1, which is not supported");
        }
        if (required.size() > most) {
            return builder.node();
        }
        int room = isFalse(others) ? 0 : most == UNBOUNDED ? UNBOUNDED : most - names.size();
        return new Writer(named, required, others).write(from, names, missing, room);
    }

    private static boolean isFalse(JsonNode schema) {
        return schema.isBoolean() && !schema.booleanValue();
    }

    /** One object. From each of its places a text goes on behind a member, or as if it were the first. */
    private final class Writer {
        private final Map<String, JsonNode> named;
        private final Set<String> required;
        private final JsonNode others;

        Writer(Map<String, JsonNode> named, Set<String> required, JsonNode others) {
            this.named = named;
            this.required = required;
            this.others = others;
        }

        /**
         * @param least how many others there must be
         * @param most how many others there may be
         */
        int write(int from, List<String> names, int least, int most) {
            int first = json.space(builder.literal(from, "{"));
            int behind = builder.node();
            for (String name : names) {
                int key = builder.node();
                builder.empty(first, key);
                builder.empty(comma(behind), key);
                int colon = builder.literal(
                        builder.literal(key, TextNode.valueOf(name).toString()), ":");
                int next = builder.node();
                builder.empty(values.write(json.space(colon), named.getOrDefault(name, others)), next);
                int stillFirst = builder.node();
                if (!required.contains(name)) {
                    builder.empty(first, stillFirst);
                    builder.empty(behind, next);
                }
                first = stillFirst;
                behind = next;
            }
            int close = builder.node();
            others(first, behind, close, least, most);
            return builder.literal(close, "}");
        }

        private void others(int first, int behind, int close, int least, int most) {
            int stillFirst = first;
            int at = behind;
            int counted = most == UNBOUNDED ? least : most;
            for (int i = 0; i <= counted; i++) {
                if (i >= least) {
                    builder.empty(stillFirst, close);
                    builder.empty(json.space(at), close);
                }
                if (i == counted && most != UNBOUNDED) {
                    return;
                }
                int key = builder.node();
                builder.empty(stillFirst, key);
                builder.empty(comma(at), key);
                int next = values.write(json.otherName(key, named.keySet()), others);
                if (i == counted) {
                    builder.empty(next, at);
                } else {
                    at = next;
                    stillFirst = builder.node();
                }
            }
        }
    }
}
