package io.tandem.server.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.RequestField.Route;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.StreamSupport;

/** JSON schemas of the bodies of requests. */
final class RequestSchemas {
    private RequestSchemas() {}

    /** A request for text, by {@link RequestFields}. */
    static ObjectNode of(Route route, RequestBounds bounds) {
        ObjectNode schema = JsonBody.MAPPER.createObjectNode().put("type", "object");
        ArrayNode required = schema.putArray("required");
        ObjectNode properties = schema.putObject("properties");
        List<RequestField> fields = RequestFields.list().stream()
                .filter(field -> field.routes().contains(route))
                .sorted(Comparator.comparing(RequestField::support))
                .toList();
        for (RequestField field : fields) {
            properties.set(field.name(), of(field, bounds));
            if (field.required()) {
                required.add(field.name());
            }
        }
        return schema;
    }

    private static ObjectNode of(RequestField field, RequestBounds bounds) {
        ObjectNode schema = field.type().schema(bounds);
        String from = "Of " + field.origin().title() + ".";
        String note = field.note().isEmpty() ? "" : " " + field.note();
        switch (field.support()) {
            case HONOURED -> schema.put("description", field.note().isEmpty() ? from : from + note);
            case ACCEPTED -> schema.put("description", from + " Without effect." + note);
            case REFUSED -> {
                schema.put("description", from + " Refused, but for values that ask for nothing." + note);
                ArrayNode values = schema.putArray("enum").addNull().add(false);
                values.addArray();
                field.neutral().forEach(value -> values.add(json(value)));
            }
            case IGNORED -> schema.put("description", from + " Ignored." + note);
        }
        return schema;
    }

    private static JsonNode json(String text) {
        try {
            return JsonBody.MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(text, e);
        }
    }

    /**
     * Says of the optional fields of all bodies that null counts as absent.
     *
     * @param document whose schemas are changed
     */
    static void takeNull(ObjectNode document) {
        Set<String> seen = new HashSet<>();
        document.path("paths")
                .forEach(path -> path.forEach(operation ->
                        takeNull(document, operation.at("/requestBody/content/application~1json/schema"), seen)));
    }

    private static void takeNull(ObjectNode document, JsonNode schema, Set<String> seen) {
        if (schema.isMissingNode()) {
            return;
        }
        String ref = schema.path("$ref").asText();
        if (!ref.isEmpty() && seen.add(ref)) {
            takeNull(document, document.at(ref.substring(1)), seen);
        }
        if (schema.path("properties") instanceof ObjectNode properties) {
            Set<String> required = new HashSet<>();
            schema.path("required").forEach(name -> required.add(name.asText()));
            properties.properties().forEach(property -> {
                takeNull(document, property.getValue(), seen);
                if (!required.contains(property.getKey())) {
                    property.setValue(orNull(property.getValue()));
                }
            });
        }
        takeNull(document, schema.path("items"), seen);
        for (String several : List.of("anyOf", "allOf")) {
            schema.path(several).forEach(one -> takeNull(document, one, seen));
        }
    }

    private static JsonNode orNull(JsonNode schema) {
        if (!(schema instanceof ObjectNode object)) {
            return schema;
        }
        ObjectNode copy = object.deepCopy();
        if (copy.has("$ref")) {
            ObjectNode either = JsonBody.MAPPER.createObjectNode();
            ArrayNode anyOf = either.putArray("anyOf");
            anyOf.addObject().set("$ref", copy.remove("$ref"));
            anyOf.addObject().put("type", "null");
            return either.setAll(copy);
        }
        if (copy.path("anyOf") instanceof ArrayNode anyOf) {
            anyOf.addObject().put("type", "null");
        }
        if (copy.has("type")) {
            JsonNode types = copy.path("type");
            ArrayNode all = copy.putArray("type");
            if (types.isArray()) {
                types.forEach(all::add);
            } else {
                all.add(types);
            }
            all.add("null");
        }
        if (copy.path("enum") instanceof ArrayNode values
                && StreamSupport.stream(values.spliterator(), false).noneMatch(JsonNode::isNull)) {
            values.addNull();
        }
        return copy;
    }
}
