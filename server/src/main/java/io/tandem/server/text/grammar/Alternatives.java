package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Resolves what combines schemas: a schema becomes the list of those without combinators, any one of which is enough. */
final class Alternatives {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final int MAX_DEPTH = 64;
    private static final int MAX_ALTERNATIVES = 1000;
    /** Schemas that are looked at, and members that are joined, in all. */
    private static final int MAX_STEPS = 500_000;

    private static final Set<String> COMBINATORS = Set.of("$ref", "allOf", "anyOf", "oneOf");
    /** They say nothing about values. */
    private static final Set<String> ANNOTATIONS = Set.of(
            "title",
            "description",
            "default",
            "examples",
            "example",
            "deprecated",
            "readOnly",
            "writeOnly",
            "$comment",
            "$schema",
            "$id",
            "$anchor",
            "$defs",
            "definitions",
            "discriminator",
            "nullable");

    private final SchemaDocument document;
    private final Disjoint disjoint;
    private int steps;

    Alternatives(SchemaDocument document) {
        this.document = document;
        this.disjoint = new Disjoint(document);
    }

    /** Whether a schema says nothing but one of the combinators. */
    static boolean isOnly(ObjectNode schema, String combinator) {
        Set<String> keywords = new HashSet<>();
        schema.fieldNames().forEachRemaining(keywords::add);
        keywords.removeAll(ANNOTATIONS);
        return keywords.equals(Set.of(combinator));
    }

    /** @throws GrammarException if something in it is not supported */
    List<ObjectNode> of(JsonNode schema) {
        return of(schema, 0);
    }

    private List<ObjectNode> of(JsonNode node, int depth) {
        count(1);
        if (depth > MAX_DEPTH) {
            throw document.wrong(node, "", "combines schemas that refer to each other without end");
        }
        if (!(node instanceof ObjectNode schema)) {
            return node.booleanValue() ? List.of(JSON.objectNode()) : List.of();
        }
        document.check(schema);
        List<ObjectNode> all = List.of(plain(schema));
        if (schema.has("$ref")) {
            all = product(schema, all, of(document.target(schema), depth + 1));
        }
        for (JsonNode part : schema.path("allOf")) {
            all = product(schema, all, of(part, depth + 1));
        }
        for (String keyword : List.of("anyOf", "oneOf")) {
            if (schema.has(keyword)) {
                List<ObjectNode> union = new ArrayList<>();
                for (JsonNode part : choices(schema, keyword)) {
                    union.addAll(of(part, depth + 1));
                }
                all = product(schema, all, union);
            }
        }
        return all;
    }

    private void count(int more) {
        steps += more;
        if (steps > MAX_STEPS) {
            throw new GrammarException("", "combines too many schemas; make it simpler");
        }
    }

    /** The schemas of an {@code anyOf}, or of a {@code oneOf} none of which excludes another. */
    List<JsonNode> choices(ObjectNode schema, String keyword) {
        List<JsonNode> choices = new ArrayList<>();
        schema.path(keyword).forEach(choices::add);
        for (int i = 0; keyword.equals("oneOf") && i < choices.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (!disjoint.test(choices.get(j), choices.get(i))) {
                    throw document.wrong(
                            schema,
                            keyword,
                            "has a 'oneOf' whose schemas " + j + " and " + i + " may both hold for the same value; use"
                                    + " 'anyOf', or give them different types, or a required property with different"
                                    + " constants");
                }
            }
        }
        return choices;
    }

    /** Without combinators and annotations; a constant is an enumeration of one. */
    private ObjectNode plain(ObjectNode schema) {
        ObjectNode plain = JSON.objectNode();
        for (Map.Entry<String, JsonNode> field : schema.properties()) {
            if (!COMBINATORS.contains(field.getKey()) && !ANNOTATIONS.contains(field.getKey())) {
                plain.set(field.getKey(), field.getValue());
            }
        }
        JsonNode constant = plain.remove("const");
        if (constant == null) {
            return plain;
        }
        ObjectNode one = JSON.objectNode();
        one.putArray("enum").add(constant);
        return SchemaMerge.merge(plain, one);
    }

    private List<ObjectNode> product(ObjectNode schema, List<ObjectNode> first, List<ObjectNode> second) {
        if ((long) first.size() * second.size() > MAX_ALTERNATIVES) {
            throw document.wrong(schema, "", "combines more than " + MAX_ALTERNATIVES + " alternatives");
        }
        List<ObjectNode> product = new ArrayList<>();
        for (ObjectNode mine : first) {
            for (ObjectNode its : second) {
                count(1
                        + mine.path("properties").size()
                        + its.path("properties").size());
                product.add(SchemaMerge.merge(mine, its));
            }
        }
        return product;
    }
}
