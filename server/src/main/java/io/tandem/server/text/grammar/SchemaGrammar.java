package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Makes the grammar of the JSON texts that a schema allows, or of a part of them: members come in the schema's order, an
 * object with {@code properties} has no others unless {@code additionalProperties} says so, and numbers have no more
 * digits than a reader of doubles can tell apart. Whatever is written is valid; what cannot be guaranteed is refused.
 */
public final class SchemaGrammar {
    private static final int MAX_SCHEMAS = 20_000;
    private static final int MAX_FORWARDS = 500;
    private static final BitSet ALL_BYTES = new BitSet();

    static {
        ALL_BYTES.set(0, 256);
    }

    private final GrammarBuilder builder;
    private final SchemaDocument document;
    private final Alternatives alternatives;
    private final JsonRules json;
    private final ScalarRules scalars;
    private final MemberRules members;
    private final Map<JsonNode, Integer> rules = new HashMap<>();
    /** Rules that begin where others do, to find those that come to themselves without writing anything. */
    private final Map<Integer, Set<Integer>> heads = new HashMap<>();

    private final Deque<Runnable> open = new ArrayDeque<>();

    private SchemaGrammar(GrammarBuilder builder, SchemaDocument document) {
        this.builder = builder;
        this.document = document;
        this.alternatives = new Alternatives(document);
        this.json = new JsonRules(builder);
        this.scalars = new ScalarRules(builder, json);
        this.members = new MemberRules(builder, json, this::value);
    }

    /**
     * @param schema an object, or true or false
     * @param usable bytes that can be written one at a time
     * @throws GrammarException if it is no schema, is not supported, or allows nothing
     */
    public static Grammar of(JsonNode schema, BitSet usable) {
        return of(new SchemaDocument(schema), schema, usable);
    }

    private static Grammar of(SchemaDocument document, JsonNode schema, BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        return builder.build(rule(builder, document, schema), usable);
    }

    /** Adds the rule of a schema. */
    static int rule(GrammarBuilder builder, JsonNode schema) {
        return rule(builder, new SchemaDocument(schema), schema);
    }

    private static int rule(GrammarBuilder builder, SchemaDocument document, JsonNode schema) {
        SchemaGrammar making = new SchemaGrammar(builder, document);
        int start = making.rule(schema);
        making.finish();
        return start;
    }

    /** Any JSON object. */
    public static Grammar anyObject(BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.node();
        builder.end(new JsonRules(builder).object(start));
        return builder.build(start, usable);
    }

    /** A value of a schema. Rules are made later, one after the other, so that deep schemas need no deep stack. */
    private int value(int from, JsonNode schema) {
        int to = builder.node();
        builder.call(from, rule(schema), to);
        return to;
    }

    private int rule(JsonNode schema) {
        Integer known = rules.get(schema);
        if (known != null) {
            return known;
        }
        if (rules.size() == MAX_SCHEMAS) {
            throw new GrammarException("", "needs more than " + MAX_SCHEMAS + " schemas; make it simpler");
        }
        int rule = builder.node();
        int end = builder.node();
        builder.end(end);
        rules.put(schema, rule);
        open.add(() -> write(schema, rule, end));
        return rule;
    }

    private void finish() {
        while (!open.isEmpty()) {
            open.remove().run();
        }
        Set<Integer> checked = new HashSet<>();
        for (Integer rule : heads.keySet()) {
            checkHeads(rule, new LinkedHashSet<>(), checked);
        }
    }

    private void checkHeads(int rule, Set<Integer> above, Set<Integer> checked) {
        if (!above.add(rule)) {
            throw new GrammarException("", "has a schema that refers to itself with nothing in between");
        }
        if (above.size() > MAX_FORWARDS) {
            throw new GrammarException("", "has more than " + MAX_FORWARDS + " schemas that only refer to the next");
        }
        if (checked.add(rule)) {
            heads.getOrDefault(rule, Set.of()).forEach(next -> checkHeads(next, above, checked));
        }
        above.remove(rule);
    }

    private void write(JsonNode schema, int rule, int end) {
        try {
            if (schema instanceof ObjectNode object) {
                if (forward(object, rule, end)) {
                    return;
                }
            } else if (!schema.isBoolean()) {
                throw document.wrong(schema, "", "has something that is neither an object nor true or false");
            } else if (schema.booleanValue()) {
                builder.empty(json.value(rule), end);
                return;
            }
            for (ObjectNode alternative : alternatives.of(schema)) {
                plain(alternative, rule, end);
            }
        } catch (GrammarException e) {
            throw e.pointer().isEmpty() ? document.wrong(schema, "", String.valueOf(e.getMessage())) : e;
        }
    }

    /** Writes what only chooses among other schemas by their rules, which may be recursive. */
    private boolean forward(ObjectNode schema, int rule, int end) {
        List<JsonNode> others = new ArrayList<>();
        if (Alternatives.isOnly(schema, "$ref")) {
            others.add(document.target(schema));
        } else if (Alternatives.isOnly(schema, "anyOf")) {
            document.check(schema);
            others.addAll(alternatives.choices(schema, "anyOf"));
        } else if (Alternatives.isOnly(schema, "oneOf")) {
            document.check(schema);
            others.addAll(alternatives.choices(schema, "oneOf"));
        } else if (Alternatives.isOnly(schema, "allOf") && schema.path("allOf").size() == 1) {
            document.check(schema);
            others.add(schema.path("allOf").get(0));
        }
        for (JsonNode other : others) {
            int next = rule(other);
            heads.computeIfAbsent(rule, key -> new LinkedHashSet<>()).add(next);
            builder.call(rule, next, end);
        }
        return !others.isEmpty();
    }

    /** @param schema without combinators */
    private void plain(ObjectNode schema, int rule, int end) {
        if (schema.has("enum")) {
            constants(schema, rule, end);
            return;
        }
        Set<String> types = types(schema);
        if (types.isEmpty()) {
            builder.empty(json.value(rule), end);
        }
        for (String type : types) {
            switch (type) {
                case "object" -> builder.empty(members.object(rule, schema), end);
                case "array" -> builder.empty(members.array(rule, schema), end);
                case "integer" -> {
                    if (!types.contains("number")) {
                        builder.empty(scalars.integer(rule, schema), end);
                    }
                }
                default -> builder.empty(scalars.value(rule, type, schema), end);
            }
        }
    }

    /** The types that may be written; where a schema names none, those that its keywords are about. None means all. */
    private static Set<String> types(ObjectNode schema) {
        Set<String> types = new LinkedHashSet<>();
        JsonNode type = schema.path("type");
        if (type.isTextual()) {
            types.add(type.textValue());
        }
        type.forEach(one -> types.add(one.asText()));
        if (schema.has("type")) {
            return types;
        }
        schema.fieldNames().forEachRemaining(keyword -> {
            String about = ScalarRules.typeOf(keyword);
            if (!about.isEmpty()) {
                types.add(about);
            }
        });
        return types;
    }

    private void constants(ObjectNode schema, int rule, int end) {
        ObjectNode rest = schema.deepCopy();
        rest.remove("enum");
        boolean typed = rest.has("type");
        boolean limited = rest.properties().stream()
                .anyMatch(keyword -> !ScalarRules.typeOf(keyword.getKey()).isEmpty());
        Predicate<JsonNode> fits = value -> !typed || types(rest).stream().anyMatch(type -> Values.isOf(type, value));
        if (limited) {
            Grammar others = of(document, rest, ALL_BYTES);
            fits = value -> others.accepts(value.toString());
        }
        for (JsonNode value : schema.path("enum")) {
            if (fits.test(value)) {
                builder.empty(builder.literal(rule, value.toString()), end);
            }
        }
    }
}
